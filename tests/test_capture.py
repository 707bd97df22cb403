"""Inside the U-Net, recorded: the very shares that it reads with, its blocks, nothing changed."""

import pytest
import torch

from ldm.capture import average, find_words, follow, name_blocks, record
from ldm.trajectory import Settings, Trajectory, generate


@pytest.fixture(params=["bert_model", "clip_model"])
def model(request):
    return request.getfixturevalue(request.param)


def crosses(unet):
    return [part for name, part in unet.named_modules() if name.endswith("attn2")]


def ask(model, latent):
    denoise = model.denoiser(model.embed(["a red apple"]), guidance=3.0)
    return denoise(latent, 500).output


def test_recording_changes_nothing_and_leaves_nothing_behind(model):
    latent = model.noise([0])
    plain = ask(model, latent)
    with record(model.unet) as seen:
        assert torch.equal(ask(model, latent), plain)
    assert len(seen.attention) == len(crosses(model.unet)) > 0
    both = [*seen.attention, *seen.blocks.values()]
    assert all(len(part) == 2 for part in both)  # without and with the prompt
    with pytest.raises(ZeroDivisionError), record(model.unet):
        raise ZeroDivisionError
    assert not any(part._forward_pre_hooks for part in crosses(model.unet))
    assert not any(block._forward_hooks for block in name_blocks(model.unet).values())


def test_the_blocks_are_those_of_the_network_in_their_order(model):
    with record(model.unet) as seen:
        ask(model, model.noise([0]))
    n = len(model.unet.down_blocks)
    ways = ([f"{way} {k}" for k in range(1, n + 1)] for way in ("down", "up"))
    down, up = ways
    assert list(seen.blocks) == [*down, "middle", *up]
    widths = model.unet.config.block_out_channels
    assert [seen.blocks[name].shape[1] for name in down] == list(widths)
    assert seen.blocks[up[-1]].shape[2:] == model.latent_shape[1:]
    last = model.unet.conv_out(model.unet.conv_act(model.unet.conv_norm_out(seen.blocks[up[-1]])))
    uncond, cond = last.chunk(2)
    torch.testing.assert_close(uncond + 3 * (cond - uncond), ask(model, model.noise([0])))


def test_the_shares_are_those_that_the_network_reads_with(model):
    outputs = []
    hooks = [
        part.register_forward_hook(
            lambda part, _, named, output: outputs.append((part, named, output)), with_kwargs=True
        )
        for part in crosses(model.unet)
    ]
    try:
        with record(model.unet) as found:
            ask(model, model.noise([0]))
    finally:
        for hook in hooks:
            hook.remove()
    for shares, (part, named, output) in zip(found.attention, outputs, strict=True):
        torch.testing.assert_close(shares.sum(-1), torch.ones(shares.shape[:-1]))
        value = part.head_to_batch_dim(part.to_v(named["encoder_hidden_states"]))
        read = part.batch_to_head_dim(shares.flatten(0, 1) @ value)
        torch.testing.assert_close(part.to_out[0](read), output, atol=1e-5, rtol=1e-4)


def test_a_run_that_is_followed_is_the_same_run(model):
    settings = Settings(n_steps=3)
    run = Trajectory.collect(model, "a red apple", 7, settings)
    followed = list(follow(model.unet, generate(model, "a red apple", 7, settings)))
    assert torch.equal(followed[-1][0].x_prev, run.latent)
    assert all(len(seen.attention) == len(crosses(model.unet)) for _, seen in followed)
    for _, seen in follow(model.unet, run.steps):  # nothing is computed
        assert not seen.attention and not seen.blocks


def test_the_shares_of_all_tokens_sum_to_one_in_every_cell(model):
    with record(model.unet) as seen:
        ask(model, model.noise([0]))
    shape = model.latent_shape[1:]
    for finest in (32, 2, 1):
        maps = average(seen.attention, shape, finest)
        length = model.tokenizer.model_max_length
        assert maps.shape[:2] == (2, length) and max(maps.shape[2:]) <= finest
        torch.testing.assert_close(maps.sum(1), torch.ones(2, *maps.shape[2:]))


def test_maps_stand_as_the_latent_does():
    """Of a latent of 4 x 8: a token read only on the left, in a fine layer and in a coarse one."""
    fine, coarse = torch.zeros(1, 2, 32, 2), torch.zeros(1, 2, 8, 2)
    fine.unflatten(2, (4, 8))[:, :, :, :4, 1] = 1
    coarse.unflatten(2, (2, 4))[:, :, :, :2, 1] = 1
    maps = average([fine, coarse], (4, 8))
    assert maps.shape == (1, 2, 4, 8)
    assert (maps[0, 1, :, :4] == 1).all() and (maps[0, 1, :, 4:] == 0).all()
    with pytest.raises(ValueError, match="no cross-attention"):
        average([], (4, 8))


@pytest.mark.parametrize("prompt", ["a red apple", "ñu,  ox!", "🍎 apple", "שלום apple", "", "..."])
def test_the_words_of_a_prompt_are_whole_and_in_their_order(model, prompt):
    spans = model.tokenize([prompt]).spans[0]
    words = find_words(prompt, spans)
    assert "".join(word for word, _ in words) == "".join(prompt.split())
    places = [place for _, places in words for place in places]
    assert places == [place for place, (start, end) in enumerate(spans) if start < end]
    if prompt == "a red apple":
        assert [word for word, _ in words] == ["a", "red", "apple"]
