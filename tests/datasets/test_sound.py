"""Sound files: every format is read to its exact values, and nothing that is damaged passes for sound."""

import struct
import tracemalloc
import wave

import numpy as np
import pytest
import scipy.io.wavfile
from factories import VALUES, chunk, sphere, wav
from hypothesis import given
from hypothesis import strategies as st

from cupynn.checks import InputError
from cupynn.datasets import sound

# Values ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_wav_as_scipy_writes_it(kind, tmp_path):
    rng = np.random.default_rng(0)
    if np.issubdtype(kind, np.floating):
        values = expected = np.append(rng.uniform(-1, 1, 100), (-1, 1)).astype(kind)
    else:
        info = np.iinfo(kind)
        values = rng.integers(info.min, info.max, 101, dtype=kind, endpoint=True)
        middle = 128 if kind == np.uint8 else 0
        expected = (values.astype(float) - middle) / 2.0 ** (info.bits - 1)
    scipy.io.wavfile.write(tmp_path / "x.wav", 11025, values)
    signal, rate = sound.read(tmp_path / "x.wav")
    assert (signal.dtype, rate) == (np.float32, 11025)
    np.testing.assert_array_equal(signal, expected.astype(np.float32))


def test_wav_of_24_bits(tmp_path):
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(3)
        file.setframerate(44100)
        file.writeframes(b"\x00\x00\x80" + b"\xff\xff\xff" + b"\x00\x00\x00" + b"\x01\x00\x00" + b"\xff\xff\x7f")
    signal, rate = sound.read(tmp_path / "x.wav")
    assert rate == 44100
    np.testing.assert_array_equal(signal * 2**23, [-(2**23), -1, 0, 1, 2**23 - 1])


@pytest.mark.parametrize(
    "content",
    [
        wav(),
        wav(between=chunk(b"LIST", b"odd") + chunk(b"cue ", b"")),
        wav() + chunk(b"LIST", b"after"),
        wav() + b"junk",
        wav(tag=1 << 16 | 0xFFFF),
        sphere(),
        sphere(padding=b"\0\0"),
        sphere(sample_coding="-s3 pcm"),
        sphere(VALUES.astype(">i2").tobytes(), sample_byte_format="-s2 10"),
    ],
)
def test_the_same_samples_in_other_wrapping(content):
    signal, _ = sound.decode(content, "x")
    np.testing.assert_array_equal(signal * 32768, VALUES)


@pytest.mark.parametrize(
    ("riff", "data"), [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (0, 0)], ids=["ffmpeg", "SoX", "none"]
)
@pytest.mark.parametrize("between", [b"", chunk(b"LIST", b"INFOISFT")])
def test_wav_from_a_pipe_is_read_to_its_end(riff, data, between):
    content = wav(between=between)
    at = content.index(b"data") + 4
    content = content[:4] + struct.pack("<I", riff) + content[8:at] + struct.pack("<I", data) + content[at + 4 :]
    signal, _ = sound.decode(content, "x")
    np.testing.assert_array_equal(signal * 32768, VALUES)
    with pytest.raises(InputError, match=r"^x has .* bytes for samples of 2 bytes"):
        sound.decode(content[:-1], "x")
    with pytest.raises(InputError, match=r"^x holds no samples"):
        sound.decode(content[: at + 4], "x")


def test_rate_of_sphere(tmp_path):
    (tmp_path / "x.wav").write_bytes(sphere())
    assert sound.read(str(tmp_path / "x.wav"))[1] == 12500


# What is refused -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with b''"),
        (b"ID3 an mp3", "neither a WAV nor a NIST SPHERE"),
        (wav(channels=2), "2 channels: mix it down"),
        (wav(channels=0, block=2), "0 channels"),
        (wav(tag=7, bits=8), "mu-law: convert it to PCM"),
        (wav(tag=0x55, bits=0), "MP3"),
        (wav(tag=0x1234), "0x1234"),
        (wav(tag=0xFFFE), "0xfffe"),
        (wav(bits=12, block=2), "12 bits in 2 bytes"),
        (wav(bits=16, block=4), "16 bits in 4 bytes"),
        (wav(tag=3, bits=16), "16 bits"),
        (wav(body=b""), "holds no samples"),
        (wav(body=b"abc"), "3 bytes for samples of 2 bytes"),
        (wav(rate=0), "rate of 0 Hz, expected 1000 to 400000: put"),
        (wav(rate=999), "rate of 999 Hz"),
        (wav(rate=400_001), "rate of 400001 Hz"),
        (wav(body=np.array([0, np.nan]).tobytes(), tag=3, bits=64), "holds NaN"),
        (wav(body=np.array([0, 1.5], "f4").tobytes(), tag=3, bits=32), r"outside \[-1, 1\]"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", b"ab"), "before their format"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", b"ab"), "of 2 bytes, expected 16"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"LIST", b""), "no 'data' chunk"),
        (sphere(channel_count="-i 2"), "2 channels"),
        (sphere(sample_coding="-s26 pcm,embedded-shorten-v2.00"), "'pcm,embedded-shorten-v2.00': convert it"),
        (sphere(sample_coding="-s4 ulaw"), "'ulaw'"),
        (sphere(sample_n_bytes="-i 1"), "1 bytes per sample"),
        (sphere(sample_byte_format="-s2 32"), "sample_byte_format='32'"),
        (sphere(sample_byte_format=None), "sample_byte_format=None"),
        (sphere(sample_count=None), "sample_count=None"),
        (sphere(sample_count="-i -3"), "sample_count='-3'"),
        (sphere(sample_count=f"-i {'9' * 12}"), "sample_count='9"),
        (sphere(sample_count="-i 0"), "holds no samples"),
        (sphere(sample_rate="-i 0"), "rate of 0 Hz"),
        (sphere(sample_rate="-i 99999999999"), "rate of 99999999999 Hz"),
        (b"NIST_1A\n  junk\n" + bytes(2000), "header"),
        (b"NIST_1A\n99999999" + bytes(2000), "header"),
    ],
)
def test_refuses(content, message):
    with pytest.raises(InputError, match=f"^here.*{message}"):
        sound.decode(content, "here")


@pytest.mark.parametrize("content", [wav(), wav(tag=1 << 16 | 0xFFFF), sphere()], ids=["wav", "extensible", "sphere"])
def test_refuses_a_file_cut_at_any_byte(content):
    for length in range(len(content)):
        with pytest.raises(InputError, match=r"^here"):
            sound.decode(content[:length], "here")


@pytest.mark.parametrize("path", ["nowhere.wav", "."])
def test_refuses_what_cannot_be_read(path, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        sound.read(tmp_path / path)


def test_memory_grows_with_the_file_not_with_what_it_claims():
    tracemalloc.start()
    for content in (wav()[:-16] + struct.pack("<I", 2**32 - 2) + VALUES.tobytes(), sphere(sample_count="-i 99999999999")):
        with pytest.raises(InputError, match="truncated"):
            sound.decode(content, "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e5


damage = st.lists(st.tuples(st.integers(0, 1100), st.binary(min_size=0, max_size=4)), min_size=1, max_size=4)


@given(st.sampled_from([wav(), wav(tag=1 << 16 | 0xFFFF), wav(VALUES.tobytes(), tag=3, bits=32), sphere()]), damage)
def test_damage_gives_one_error_or_sound_that_is_there(content, patches):
    damaged = bytearray(content)
    for position, patch in patches:
        damaged[position % len(content) : position % len(content) + len(patch)] = patch
    try:
        signal, rate = sound.decode(bytes(damaged), "x")
    except InputError:
        return
    assert 0 < signal.size <= len(damaged)
    assert np.abs(signal).max() <= 1
    assert 1000 <= rate <= 400_000


@given(st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"NIST_1A\n   1024\n"]), st.binary(max_size=200))
def test_noise_gives_one_error(start, noise):
    try:
        signal, _ = sound.decode(start + noise, "x")
    except InputError:
        return
    assert 0 < signal.size <= len(noise)
