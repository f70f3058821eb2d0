"""Writes a Whisper model of random weights, for tests that have no network and no weights.

The weights are noise: such a model shows that the code path works and how fast it is, never
whether a word is right. The tokenizer is made up too, in Whisper's order of special tokens.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import WhisperSpec
from numpy.typing import NDArray
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

VOCABULARY_SIZE = 51_865
TEXT_TOKENS = 50_257
FRAMES = 1500
"""Encoder positions of 30 seconds."""
POSITIONS = 448
"""Decoder positions: the longest prompt and text."""
LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th "
    "ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr "
    "pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt "
    "haw ln ha ba jw su"
)


@dataclass(frozen=True)
class RandomWhisper:
    """The size of a model; the defaults load in a blink.

    ``brevity`` is added to the logit of the end of text, which noise alone would rarely choose.
    """

    layers: int = 1
    heads: int = 2
    width: int = 64
    mels: int = 80
    seed: int = 0
    brevity: float = 3.0


def build(folder: Path, size: RandomWhisper | None = None) -> Path:
    """Write a model of random weights into a new folder, as CTranslate2 and faster-whisper read.

    ``size`` unset: the smallest. Returns the folder.
    """
    size = size or RandomWhisper()
    folder.mkdir(parents=True)
    tokens = list(_tokens())
    spec = _spec(size)
    spec.register_vocabulary(tokens)
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in LANGUAGES.split()]
    spec.config.alignment_heads = list(product(range(size.layers), range(size.heads)))
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    _tokenizer(tokens).save(str(folder / "tokenizer.json"))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": size.mels}))
    return folder


def _tokens() -> Iterator[str]:
    """Bytes, made-up words, then Whisper's special tokens in their order.

    The empty token is how CTranslate2 knows a vocabulary of many languages.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    yield from letters
    yield from (f"Ġw{number}" for number in range(len(letters), TEXT_TOKENS - 1))
    yield ""
    yield from ("<|endoftext|>", "<|startoftranscript|>")
    yield from (f"<|{code}|>" for code in LANGUAGES.split())
    yield from ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>")
    yield from ("<|nospeech|>", "<|notimestamps|>")
    yield from (f"<|{index * 0.02:.2f}|>" for index in range(1501))


def _tokenizer(tokens: list[str]) -> Any:
    text = {token: number for number, token in enumerate(tokens[:TEXT_TOKENS])}
    tokenizer = Tokenizer(models.BPE(vocab=text, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = [AddedToken(token, special=True) for token in tokens[TEXT_TOKENS:]]
    tokenizer.add_special_tokens(special)
    return tokenizer


def _spec(size: RandomWhisper) -> Any:
    spec = WhisperSpec(size.layers, size.heads, size.layers, size.heads)
    noise = _Noise(size)
    noise.convolution(spec.encoder.conv1, size.mels)
    noise.convolution(spec.encoder.conv2, size.width)
    spec.encoder.position_encodings.encodings = noise.matrix(FRAMES, size.width)
    spec.decoder.position_encodings.encodings = noise.matrix(POSITIONS, size.width)
    spec.decoder.embeddings.weight = noise.matrix(VOCABULARY_SIZE, size.width)
    spec.decoder.projection.weight = noise.matrix(VOCABULARY_SIZE, size.width)
    spec.decoder.projection.bias = np.zeros(VOCABULARY_SIZE, np.float32)
    spec.decoder.projection.bias[TEXT_TOKENS] = size.brevity
    noise.norm(spec.encoder.layer_norm)
    noise.norm(spec.decoder.layer_norm)
    for layer in (*spec.encoder.layer, *spec.decoder.layer):
        noise.layer(layer)
    return spec


class _Noise:
    """Fills the parts of a specification of CTranslate2."""

    def __init__(self, size: RandomWhisper) -> None:
        self._random = np.random.default_rng(size.seed)
        self._width = size.width

    def matrix(self, *shape: int) -> NDArray[np.float32]:
        values = self._random.standard_normal(shape, dtype=np.float32)
        return values / np.float32(np.sqrt(shape[-1]))

    def norm(self, spec: Any) -> None:
        spec.gamma = np.ones(self._width, np.float32)
        spec.beta = np.zeros(self._width, np.float32)

    def convolution(self, spec: Any, channels: int) -> None:
        spec.weight = self.matrix(self._width, channels, 3)
        spec.bias = np.zeros(self._width, np.float32)

    def linear(self, spec: Any, rows: int, columns: int) -> None:
        spec.weight = self.matrix(rows, columns)
        spec.bias = np.zeros(rows, np.float32)

    def layer(self, spec: Any) -> None:
        self._self_attention(spec.self_attention)
        if hasattr(spec, "attention"):
            self._cross_attention(spec.attention)
        self.norm(spec.ffn.layer_norm)
        self.linear(spec.ffn.linear_0, 4 * self._width, self._width)
        self.linear(spec.ffn.linear_1, self._width, 4 * self._width)

    def _self_attention(self, spec: Any) -> None:
        self.norm(spec.layer_norm)
        self.linear(spec.linear[0], 3 * self._width, self._width)
        self.linear(spec.linear[1], self._width, self._width)

    def _cross_attention(self, spec: Any) -> None:
        self.norm(spec.layer_norm)
        self.linear(spec.linear[0], self._width, self._width)
        self.linear(spec.linear[1], 2 * self._width, self._width)
        self.linear(spec.linear[2], self._width, self._width)
