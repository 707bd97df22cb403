"""LatentDiffusion against StableDiffusionPipeline."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from ldm.model import LatentDiffusion, choose_device
from ldm.sampling import UPDATES, sample

PROMPT = "a red apple"
BUNDLED = sorted(
    path.parent
    for path in (Path(__file__).parent.parent / "assets/models").glob("*/model_index.json")
)
SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "ddpm": "DDPMScheduler",
    "euler": "EulerDiscreteScheduler",
    "dpmpp_2m": "DPMSolverMultistepScheduler",
}


def paint(model, prompt=PROMPT, *, seed=7, n=5, guidance=1.0, negative="", sampler="ddim"):
    """Returns our image [1, 3, H, W]."""
    text, uncond = model.embed([prompt]), model.embed([negative])
    *_, last = sample(
        model.denoiser(text, uncond, guidance),
        model.schedule,
        model.noise([seed]),
        n,
        update=UPDATES[sampler],
        generators=model.generators([seed]),
    )
    return model.decode(last.x_prev)


def paint_by_pipeline(
    folder, prompt=PROMPT, *, seed=7, n=5, guidance=1.0, negative="", sampler="ddim"
):
    """Returns the image [1, 3, H, W] of the same arguments by plain diffusers, in float32."""
    import diffusers

    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)
    scheduler = getattr(diffusers, SCHEDULERS[sampler])
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config)
    height, width = (n * pipeline.vae_scale_factor for n in latent_size(pipeline.unet))
    images = pipeline(
        prompt,
        negative_prompt=negative,
        height=height,
        width=width,
        num_inference_steps=n,
        guidance_scale=guidance,
        generator=[torch.Generator().manual_seed(seed)],
        output_type="pt",
    ).images
    return images * 2 - 1


def latent_size(unet):
    size = unet.config.sample_size
    return (size, size) if isinstance(size, int) else size


@pytest.mark.parametrize("guidance, negative", [(1.0, ""), (4.0, ""), (7.5, "a blue house")])
@pytest.mark.parametrize(
    "name, sampler",
    [
        ("clip", "ddim"),
        ("clip", "ddpm"),
        ("bert", "ddim"),
        ("bert", "dpmpp_2m"),
        ("taesd", "ddim"),
        ("taesd", "euler"),  # in diffusers its scale is sigma: 20,000 for bert's cosine schedule
    ],
)
def test_picture_is_the_pipelines(request, name, sampler, guidance, negative):
    folder = request.getfixturevalue(f"{name}_folder")
    model = request.getfixturevalue(f"{name}_model")
    options = {"guidance": guidance, "negative": negative, "sampler": sampler}
    ours, theirs = paint(model, **options), paint_by_pipeline(folder, **options)
    assert theirs.std() > 0.05
    assert_close(ours, theirs, atol=1e-3, rtol=0)


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
@pytest.mark.parametrize("sampler, guidance", [("ddim", 4.0), ("dpmpp_2m", 1.0)])
def test_bundled_picture_is_the_pipelines(folder, sampler, guidance):
    options = {"guidance": guidance, "sampler": sampler, "n": 4}
    ours = paint(LatentDiffusion.load(folder, "cpu"), **options)
    assert_close(ours, paint_by_pipeline(folder, **options), atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["clip", "bert", "taesd"])
def test_a_preview_looks_like_the_picture(request, name):
    model = request.getfixturevalue(f"{name}_model")
    latent = model.noise([3, 4])
    apart = 127.5 * (model.preview(latent) - model.decode(latent)).abs()  # in 255 levels
    assert model.preview(latent).dtype == torch.float32
    assert apart.max() < 16 and apart.mean() < 1  # random weights round more than trained ones


@pytest.mark.parametrize("folder", BUNDLED, ids=lambda folder: folder.name)
def test_a_bundled_preview_looks_like_the_picture(folder):
    model = LatentDiffusion.load(folder, "cpu")
    latent = model.noise([3, 4])  # x_t of the first step
    apart = 127.5 * (model.preview(latent) - model.decode(latent)).abs()
    assert apart.max() < 6 and apart.mean() < 0.6


@pytest.mark.parametrize("name", ["clip", "bert", "taesd"])
def test_the_prompt_and_guidance_matter(request, name):
    model = request.getfixturevalue(f"{name}_model")
    plain = paint(model, guidance=3.0)
    assert (plain - paint(model, "x9, y", guidance=3.0)).abs().max() > 1e-2
    assert (plain - paint(model, guidance=1.0)).abs().max() > 1e-2
    assert (plain - paint(model, guidance=3.0, seed=8)).abs().max() > 1e-2


def test_shapes_follow_the_checkpoint(clip_model, bert_model, taesd_model):
    assert clip_model.latent_shape == (4, 8, 8) and clip_model.image_size == (16, 16)
    assert bert_model.latent_shape == (3, 8, 8) and bert_model.image_size == (16, 16)
    assert taesd_model.latent_shape == (4, 8, 6) and taesd_model.image_size == (32, 24)
    for model in (clip_model, bert_model, taesd_model):
        image = torch.rand(2, 3, *model.image_size) * 2 - 1
        latent = model.encode(image)
        assert latent.shape == (2, *model.latent_shape) and latent.is_contiguous()
        assert model.decode(latent).shape == image.shape
        assert model.decode(latent).abs().max() <= 1
        assert model.noise([0, 1, 2]).shape == (3, *model.latent_shape)


def test_latent_is_the_posterior_mean_scaled(clip_model, taesd_model):
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        mean = clip_model.vae.encode(image).latent_dist.mode()
        code = taesd_model.vae.encode(image).latents
    assert_close(clip_model.encode(image), mean * 0.6)
    assert_close(taesd_model.encode(image), code * 1.3)


def test_latents_are_shifted_if_the_configuration_says_so(clip_folder):
    model = LatentDiffusion.load(clip_folder, "cpu")
    image = torch.rand(1, 3, 16, 16) * 2 - 1
    latent, decoded = model.encode(image), model.decode(model.encode(image))
    model.vae.register_to_config(shift_factor=0.2)
    assert_close(model.encode(image), latent - 0.2 * 0.6)
    assert_close(model.decode(model.encode(image)), decoded)


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 4, 16, 16), (1, 3, 15, 16), (1, 3, 0, 16)])
def test_encode_refuses_what_is_not_an_image(clip_model, shape):
    with pytest.raises(ValueError, match="divisible by 2"):
        clip_model.encode(torch.zeros(shape))


def test_decode_refuses_latents_of_other_channels(bert_model):
    with pytest.raises(ValueError, match=r"\[B, 3, h, w\], got \[1, 4, 8, 8\]"):
        bert_model.decode(torch.zeros(1, 4, 8, 8))


def test_noise_of_a_seed_is_diffusers_and_independent_of_the_batch(clip_model):
    from diffusers.utils.torch_utils import randn_tensor

    seeds = [3, 2**64 - 1]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    theirs = randn_tensor((2, *clip_model.latent_shape), generator=generators)
    assert torch.equal(clip_model.noise(seeds), theirs)
    assert torch.equal(clip_model.noise(seeds)[1:], clip_model.noise(seeds[1:]))
    for ours, used in zip(clip_model.generators(seeds), generators, strict=True):
        assert torch.equal(ours.get_state(), used.get_state())


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, "1", None])
def test_a_seed_that_is_none_is_refused(clip_model, seed):
    with pytest.raises(ValueError, match="seed"):
        clip_model.noise([seed])


def test_embed_says_what_was_cut(clip_model, bert_model):
    prompt = "A red apple,  a house and something Else"
    for model, length in ((clip_model, 16), (bert_model, 12)):
        text = model.embed([prompt, "red", ""])
        width = model.unet.config.cross_attention_dim
        assert text.hidden.shape == (3, length, width)
        assert text.tokens.ids.shape == (3, length)
        spans, cut = text.tokens.spans, text.tokens.cut
        assert cut[0] and prompt.endswith(cut[0]) and cut[1:] == ("", "")
        read = prompt.removesuffix(cut[0]).replace(" ", "")
        assert "".join(prompt[start:end] for start, end in spans[0]) == read
        assert [span for span in spans[1] if any(span)] == [(0, 3)]
        assert {*spans[2]} == {(0, 0)} and {len(row) for row in spans} == {length}


def test_a_prompt_that_just_fits_is_not_cut(bert_model):
    assert bert_model.tokenize(["red " * 10]).cut == ("",)
    assert bert_model.tokenize(["red " * 10 + "apple"]).cut == ("apple",)


def test_padding_is_masked_only_if_the_configuration_says_so(bert_model, monkeypatch):
    hidden = bert_model.embed(["red"]).hidden
    monkeypatch.setattr(bert_model.text_encoder.config, "use_attention_mask", False)
    assert not torch.allclose(bert_model.embed(["red"]).hidden, hidden, atol=1e-3)


@pytest.mark.parametrize("prompts", ["a string", [], [None], [3]])
def test_embed_takes_a_list_of_strings(clip_model, prompts):
    with pytest.raises(ValueError, match="list of one or more strings"):
        clip_model.embed(prompts)


def test_denoiser_gives_both_halves_and_their_mix(clip_model):
    text, empty = clip_model.embed([PROMPT, "b"]), clip_model.embed(["", ""])
    x_t = clip_model.noise([1, 2])
    cond = clip_model.denoiser(text)(x_t, 500)
    uncond = clip_model.denoiser(empty)(x_t, 500)
    said = clip_model.denoiser(text, guidance=3.0)(x_t, 500)
    assert cond.cond is None and cond.uncond is None and cond.output.shape == x_t.shape
    assert_close(said.cond, cond.output, atol=1e-5, rtol=1e-5)
    assert_close(said.uncond, uncond.output, atol=1e-5, rtol=1e-5)
    assert_close(said.output, said.uncond + 3 * (said.cond - said.uncond))


@pytest.mark.parametrize("t, weight", [(501, 1), (500, 3), (0, 3)])
def test_guidance_begins_at_a_timestep(clip_model, t, weight):
    text, x_t = clip_model.embed([PROMPT]), clip_model.noise([1])
    said = clip_model.denoiser(text, guidance=3.0, guidance_from=500)(x_t, t)
    assert_close(said.output, said.uncond + weight * (said.cond - said.uncond))
    assert (said.output == said.cond).all() == (weight == 1)


def test_half_precision_files_are_computed_in_float32(bert_folder, tmp_path):
    from diffusers import StableDiffusionPipeline

    for variant in (None, "fp16"):
        folder = tmp_path / f"half-{variant}"
        pipeline = StableDiffusionPipeline.from_pretrained(bert_folder).to(torch.float16)
        pipeline.save_pretrained(folder, variant=variant)
        model = LatentDiffusion.load(folder, "cpu")
        for network in (model.unet, model.vae, model.text_encoder):
            assert {weight.dtype for weight in network.parameters()} == {torch.float32}
        if variant is None:
            theirs = paint_by_pipeline(folder, guidance=4.0)
            assert_close(paint(model, guidance=4.0), theirs, atol=1e-3, rtol=0)


def test_load_leaves_inference_networks(clip_model, clip_folder):
    assert clip_model.name == "tiny-clip" and clip_model.device.type == "cpu"
    for network in (clip_model.unet, clip_model.vae, clip_model.text_encoder):
        assert not network.training
        assert not any(weight.requires_grad for weight in network.parameters())


@pytest.mark.parametrize("device", ["gpu", "meta", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(clip_folder, device):
    with pytest.raises(ValueError, match=f"device {device} cannot be used here, choose from"):
        LatentDiffusion.load(clip_folder, device)


def test_of_one_gpu_there_is_no_second(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device() == choose_device("cuda") == torch.device("cuda")
    with pytest.raises(ValueError, match="device cuda:1 cannot be used here"):
        choose_device("cuda:1")


def test_importing_the_model_imports_no_network_library():
    import subprocess
    import sys

    code = "import sys, ldm.trajectory; print({'diffusers', 'transformers'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
