"""Registries: names at once, values at first use, and an unknown name answered with the known ones."""

import subprocess
import sys

import pytest

from aigc_tf.errors import UnknownNameError, UserError
from aigc_tf.families import FAMILIES
from aigc_tf.families.gan.networks import NETWORKS
from aigc_tf.families.vae.likelihoods import LIKELIHOODS
from aigc_tf.families.vae.networks import NETWORKS as VAE_NETWORKS
from aigc_tf.families.vae.objectives import OBJECTIVES
from aigc_tf.parts.losses import GAN_LOSSES
from aigc_tf.parts.losses.hinge import LOSS
from aigc_tf.parts.penalties import PENALTIES
from aigc_tf.registry import Registry

REGISTRIES = {
    "losses": GAN_LOSSES,
    "families": FAMILIES,
    "networks": NETWORKS,
    "penalties": PENALTIES,
    "networks of VAEs": VAE_NETWORKS,
    "likelihoods": LIKELIHOODS,
    "objectives": OBJECTIVES,
}


@pytest.mark.parametrize("registry", REGISTRIES.values(), ids=REGISTRIES)
def test_every_name_leads_to_a_value(registry):
    assert len(registry) == len(set(registry)) > 0
    assert all(registry[name] is not None for name in registry)


def test_it_reads_like_a_dict():
    assert "hinge" in GAN_LOSSES and "hing" not in GAN_LOSSES
    assert GAN_LOSSES["hinge"] is LOSS
    assert dict(GAN_LOSSES)["hinge"] is LOSS


def test_an_unknown_name_is_answered_with_the_known_ones():
    for ask in (PENALTIES.check, PENALTIES.__getitem__):
        with pytest.raises(UserError, match="'r3' is not one of the penalties: r1, r2, wgan_gp"):
            ask("r3")


def test_a_missing_module_is_our_mistake_and_not_the_users():
    with pytest.raises(ModuleNotFoundError):
        Registry("aigc_tf.parts.losses", "LOSS", "nowhere")["nowhere"]


def test_listing_names_imports_no_tensorflow():
    code = (
        "import sys; from aigc_tf.parts.losses import GAN_LOSSES as l; "
        "from aigc_tf.parts.optimizers import OPTIMIZERS as o; "
        "from aigc_tf.config import TrainConfig; TrainConfig(); "
        "print(len(list(l)), len(o), 'hinge' in l, 'tensorflow' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert answer.split()[2:] == ["True", "False"]


def test_an_unknown_name_is_missing_as_in_any_mapping():
    assert GAN_LOSSES.get("hing") is None
    with pytest.raises(UnknownNameError, match="^'hing' is not one of the losses: non_saturating"):
        GAN_LOSSES["hing"]
