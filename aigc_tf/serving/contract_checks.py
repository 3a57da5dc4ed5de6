"""What a model server must answer by the contract that the model tells (see `aigc_tf.contract`), over REST."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aigc_tf import contract
from aigc_tf.serving.server_under_test import LAST_DIGITS, Broken, Server, Skipped, bounds, decoded, expect

_INT64 = (-(2**63), -1, 0, 2**63 - 1)
_FINGERPRINT = "sha256:"  # of the weights, which files name whose contract does not tell their origin


def contract_is_kept(server: Server) -> None:
    """The contract that the model tells is the same for every seed, and names the signatures that there are."""
    if not server.contract.named("contract"):
        raise Skipped("the model tells no contract")
    texts = server.columns(contract.SIGNATURE, {"seed": list(_INT64)})
    expect(len(texts) == len(_INT64) and len(set(texts)) == 1, "seeds have more than one contract")
    found, promised = server.signatures, server.contract.signatures
    expect(found.keys() == promised.keys(), f"signatures {sorted(found)} instead of {sorted(promised)}")
    for name, signature in promised.items():
        pairs = ((signature.inputs, found[name].inputs), (signature.outputs, found[name].outputs))
        for tensors, specs in pairs:
            expect(tensors.keys() == specs.keys(), f"{name} has {sorted(specs)} instead of {sorted(tensors)}")
            for key, tensor in tensors.items():
                dtype = np.dtype(object if tensor.dtype == "string" else tensor.dtype)
                right = specs[key].dtype == dtype and _fits(specs[key].shape, (None, *tensor.row))
                expect(right, f"{key} of {name} is {specs[key].dtype} {specs[key].shape}")


def files_show_their_numbers(server: Server) -> None:
    """Files come as {"b64": a whole file}, and show, rounded, what another signature gives as numbers."""
    for name, signature in server.promised("files").items():
        if not signature.shows or signature.shows not in server.signatures:
            continue
        for given in signature.variants():
            files = [decoded(file) for file in server.columns(name, server.sensible(name, 1, given))]
            inputs = server.sensible(signature.shows, 1, given)
            (numbers,) = np.array(server.columns(signature.shows, inputs), np.float64)
            expect(len(files) == 1 and bool(np.isfinite(numbers).all()), f"{name}: {len(files)} files for one seed")
            server.texts(files[0])  # walks through all of it
            expect(bool(_shows(server, name, files[0], numbers).all()), f"a file of {name} shows other numbers")


def files_name_their_model(server: Server) -> None:
    """Each file says by which model it was generated."""
    newest = server.available()[-1]
    origin = server.contract_at(newest).origin
    for text in [server.texts(file) for file in server.files([1, 2], newest)]:
        expect(
            (origin or _FINGERPRINT) in text, f"a file says {text[:100]!r} of itself, not {origin or _FINGERPRINT!r}"
        )


def same_seed_same_bytes(server: Server) -> None:
    """The same seed gives the same bytes, alone and anywhere in a batch."""
    exact = {name: each for name, each in server.promised("files").items() if each.row_exact}
    if not exact:
        raise Skipped("the model does not promise it")
    newest = server.available()[-1]
    for name, signature in exact.items():
        variants = signature.variants()
        alone = [server.columns(name, _columns([{"seed": 11, **given}]), newest)[0] for given in variants]
        mixed = [{"seed": seed, **given} for seed in (12, 11, 13) for given in variants]
        for rows in (*([{"seed": 11, **given}] * 3 for given in variants), mixed, mixed[::-1]):
            files = server.columns(name, _columns(rows), newest)
            same = all(
                file == alone[variants.index({key: row[key] for key in row if key != "seed"})]
                for row, file in zip(rows, files)
                if row["seed"] == 11
            )
            expect(same, f"{name}: seed 11 looks different among {len(rows)} rows")
    expect(server.files([11], newest) != server.files([12], newest), "seeds 11 and 12 give the same file")


def every_seed_is_taken(server: Server) -> None:
    """Every int64 is a seed."""
    expect(len(set(server.files(_INT64))) == len(_INT64), "different seeds give the same file")


def numbers_are_in_range(server: Server) -> None:
    """What gives content or vectors as numbers gives finite ones, in their range and of their shape."""
    for name, signature in server.promised("content", "draw", "decode", "morph", "encode", "reconstruct").items():
        for key, tensor in signature.outputs.items():
            answer = server.columns(name, server.sensible(name))
            numbers = np.array(answer[key] if len(signature.outputs) > 1 else answer, np.float64)
            right = _fits(numbers.shape, server.signatures[name].outputs[key].shape) and len(numbers) == 2
            expect(right, f"{name}: {key} of shape {numbers.shape}")
            expect(bool(np.isfinite(numbers).all()), f"{name}: {key} is not finite")
            low, high = bounds(tensor)
            expect(low <= numbers.min() and numbers.max() <= high, f"{key} spans [{numbers.min()}, {numbers.max()}]")


def scores_are_finite(server: Server) -> None:
    """What scores content gives finite numbers for each row."""
    server.promised("content")
    for name, signature in server.promised("score").items():
        answer = server.columns(name, server.sensible(name))
        for key, tensor in signature.outputs.items():
            scores = np.array(answer[key] if len(signature.outputs) > 1 else answer, np.float64)
            right = _fits(scores.shape, (2, *tensor.row)) and bool(np.isfinite(scores).all())
            expect(right, f"{name}: {key} {scores}")


def controls_keep_their_bounds(server: Server) -> None:
    """Inputs with bounds change nothing at their defaults, and keep what is promised of their bounds and beyond."""
    checked = 0
    for name, signature in server.contract.signatures.items():
        bounded = {key: each for key, each in signature.inputs.items() if each.beyond}
        if name not in server.signatures or not bounded:
            continue
        checked += 1
        if signature.same_as in server.signatures:
            whole, same = (server.columns(each, server.sensible(each)) for each in (name, signature.same_as))
            expect(whole == same, f"{name}: the defaults give something else than {signature.same_as}")
        for key, tensor in bounded.items():

            def at(value: float, others: Mapping[str, float], name: str = name, key: str = key) -> Any:
                return server.columns(name, server.sensible(name, given={**others, key: value}))

            low, high = bounds(tensor)
            default = tensor.default or 0
            meant = (low, high) if tensor.beyond == "clipped" else (default, default)
            for given, counts in zip((low - 1, high + 1), meant):
                answers = [at(tensor.typed(each), {}) for each in (given, counts)]
                expect(answers[0] == answers[1], f"{name}: {key} {given} does not count as {counts}")
            if tensor.fixed_at is not None:
                # Others whose default is none of their values may be drawn from the seed.
                drawn = {other: each for other, each in bounded.items() if each.beyond == "default"}
                told = {other: each.typed(bounds(each)[0]) for other, each in drawn.items()}
                answer = at(tensor.typed(tensor.fixed_at), told)
                expect(answer[0] == answer[1], f"{name}: {key} {tensor.fixed_at} still depends on the seed")
    if not checked:
        raise Skipped("the model has no input with bounds")


def kept_parts_stay(server: Server) -> None:
    """What makes a part of given content anew keeps the rest, and gives the same bytes alone and in company."""
    for name, signature in server.promised("inpaint").items():
        columns = server.sensible(name)
        columns[server.contract.made] = columns[server.contract.made][:1] * 2  # so that nothing but the seeds differs
        shape = server.shape(name, "mask")
        anew = np.arange(math.prod(shape)).reshape(shape) < math.prod(shape) // 2
        columns["mask"] = [anew.astype(float).tolist()] * len(columns["seed"])
        files = server.columns(name, columns)
        numbers = np.array(columns[server.contract.made][0], np.float64)
        for file in files:
            same = _shows(server, name, decoded(file), numbers)
            expect(bool((same | anew).all()), f"a file of {name} changes what was to be kept")
        expect(files[0] != files[1], f"{name}: the seeds 1 and 2 make the same part")
        if signature.row_exact:
            alone = server.columns(name, {key: rows[:1] for key, rows in columns.items()})
            expect(alone == files[:1], f"{name}: a row looks different among {len(files)}")


def _shows(server: Server, name: str, file: bytes, numbers: np.ndarray) -> np.ndarray:
    """Where a file of that signature, which is to be a whole one, shows these numbers; what may be rounded either way,
    may."""
    try:
        stored = server.modality.read_file(file, numbers.shape)
    except ValueError as error:
        raise Broken(f"{name}: {error}") from None
    least, most = (server.modality.to_stored(numbers + by) for by in (-LAST_DIGITS, LAST_DIGITS))
    return (least <= stored) & (stored <= most)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {key: [row[key] for row in rows] for key in rows[0]}


def _fits(shape: tuple[int | None, ...], promised: tuple[int | None, ...]) -> bool:
    """Whether a shape is the promised one, as far as both are told."""
    return len(shape) == len(promised) and all(None in sizes or sizes[0] == sizes[1] for sizes in zip(shape, promised))


CHECKS = (
    contract_is_kept,
    files_show_their_numbers,
    files_name_their_model,
    same_seed_same_bytes,
    every_seed_is_taken,
    numbers_are_in_range,
    scores_are_finite,
    controls_keep_their_bounds,
    kept_parts_stay,
)
