"""The model card: what the checkpoint was made from, what it can do, and what it cannot."""

import json
from pathlib import Path

from ldm.training import evaluate, sources
from ldm.training.scenes import STYLED

CARD = """---
license: cc-by-4.0
library_name: diffusers
pipeline_tag: text-to-image
---
# {name}

A small latent diffusion model of icons and emoji, 128 px, trained from scratch on CPU cores by
the commands of this repository. It opens in plain diffusers:

```python
import torch
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline.from_pretrained("assets/models/{name}", dtype=torch.float32)
pipeline("a red apple", num_inference_steps=25, guidance_scale=4).images[0]
```

{parts}

## Training

The autoencoder has seen {autoencoder[samples]:,} pictures or 64 px crops of them in
{autoencoder[hours]} hours, the denoiser {samples:,} samples in {hours} hours, on two CPU cores.
Composed pictures with exact captions: single icons, and scenes of one to three kinds of things with
counts, colours, positions and backgrounds, said in several ways, with words now and then that no
icon shows, for the model to leave them aside. A prompt may end in "in the STYLE style", one of
{styles}. Nouns that no caption contains are read as the name of a thing by the tokenizer, where
WordNet or MiniLM know that they mean it (`ldm/training/readings.py`): a hound is a dog.
Objectives and settings are in `ldm/training/`.

## Figures

`python -m ldm.training evaluate` ({settings}) writes this table.

{table}

{explanation}
{sheet}
## What was tried

- What limited the pictures was that the first steps did not know what to draw, and the way from
  text to picture is slow to learn inside a U-Net: after 485,408 samples in 2.9 hours its error at
  the noisiest step was 0.371, in latents of unit variance. A layer on top of the text encoder and
  two linear ones, trained for just that (the mean latent of a caption's pictures), were there
  after a quarter of an hour and at 0.314 after 0.43 hours. The denoiser went on from where it
  was, with those tokens and that pooled text: 0.340 after 35,000 samples more. `python -m
  ldm.training text` and `denoiser` print these errors, of 128 samples that are kept back. Before
  it, 0.198 of 172 things asked for by name were recognised (0.419 among the first five).
- Two things beside each other stayed blobs for 815,264 samples, for three reasons, each measured.
  That first layer, trained through the pooling alone, made all tokens of a prompt say the same, the
  mean of what its pictures show: in 400 prompts like "a cat to the left of a dog" a thing's token
  was nearest to its own in "a cat", among 347 names, in 0.83 of the cases, and the tokens of the
  two had a cosine of 0.76 (MiniLM's own: always right, 0.31). The U-Net's lower two of four levels
  had come to do nothing: with the 2x2 level's output set to 0, or no attention at 4x4, its errors
  were the same to a thousandth. And MiniLM's tokens hardly say where a thing is: in 1,800 prompts
  of six relations a linear probe finds the place, of four, in 0.62 of its last layer's tokens, and
  that is 0.003 of their variance; so the U-Net's attention went to a thing's token from its own
  half of the picture hardly more than from the other (0.28 against 0.18, in the last block).
- So the U-Net has two levels, twice as wide, grown from those weights (`ldm/training/grow.py`); the
  mean latent is read in the tokens cell by cell too; and each token of the two layers on top of
  MiniLM is taught the cells of what it speaks of, which the composer knows (grounding). Of unseen
  scenes of two things the error of the mean was 0.281 without that, 0.248 after 60,000 samples with
  it (11 minutes) and 0.208 after 132,000. The denoiser's at the noisiest step went from 0.278 to
  0.236 in 7,600 samples, more than in the 113,000 before, and to 0.172 with these weights; the
  heads of its last two blocks that attend most to a thing's token now give it 0.46 to 0.75 from its
  own half, from the other 0.02 at most. Two objects, position and counting were 0 to 0.06 of 48
  each before.
- An earlier network had 64 to 256 channels and attention at every level, and saw 592,352 samples in
  5.2 hours, each at four times the arithmetic: 0.075 of 600 things asked for by name were
  recognised (0.210 among the first five). Its variety was larger (0.54).
- In scenes, things first stood anywhere in their part of the picture, and one caption had several
  layouts: the text's layer learned a grey smear of them, the denoiser spots. Since a caption has
  one layout, but for a few pixels, and half of the samples are scenes, counts are mostly drawn as
  asked for, and colours stand where they belong.
- Words that no caption contains: MiniLM's nearest name is right for half of them, the picture that
  the trained layers expect is nearest to a right one for a tenth. Noise on the tokens as large as
  they are, a network of their mean alone, and 3,698 other words of its vocabulary taught as the
  names nearest to them left that as it was (0.07 to 0.14). 1,866 words nearer to a name than a
  cosine of 0.65, half of the batch, brought 110 such words from 0.13 to 0.18 in six minutes of one
  core, and made the errors of what is typed a twentieth larger; with them would come what MiniLM
  associates (a nation with an animal), so it is not done.
- Captions left nothing open that is in the picture: no background named was white, and no style
  named means one drawing of a thing. It used to mean one of four flat sets', whose mean is blurred:
  of 60 names the variance of their latents is 0.21, that of one drawing, moved and scaled by a few
  pixels, 0.06. And no drawing had been learned well: the mean of a Twemoji one, its style named,
  was 0.21 off. Now it is Twemoji's, or the next plain set's that has the thing, and six pictures in
  ten are of these 1,230 drawings. In 24 minutes of the text (146,000 samples) the mean of such a
  drawing came from 0.215 to 0.152, of unseen scenes of two things from 0.203 to 0.154, of counts
  from 0.214 to 0.154. The denoiser's error of those pairs came from 0.170 to 0.122 at the noisiest
  step, from 0.097 to 0.082 at t 400, in 64 minutes. Of 172 things asked for by name 0.448 are
  recognised, 0.337 before; two objects and positions, 0.30 and 0.23 of the ceiling before, are
  drawn as the table says. The price is variety: 0.27, and 0.43 before.
- The text encoder's trained layers go on learning with the denoiser. At its rate they were lost in
  six minutes (unseen scenes of two things, at the noisiest step: 0.157, and 0.119 if they were
  frozen). At a tenth of it they were even at equal time, 0.120 with an eighth fewer samples, and
  ahead where two things each have a colour: 0.121, and 0.124.
- Of scenes of two things one in forty had both in a colour that its caption names: colour binding
  was 0. Now three scenes in ten have everything in a colour.
- With both, and 270,848 samples more of the text and 221,056 of the denoiser, its errors at the
  noisiest step came from 0.116 to 0.089 (unseen scenes of two things), from 0.122 to 0.086 (of two
  that each have a colour), from 0.124 to 0.089 (counts), from 0.172 to 0.138 (single things) and
  from 0.255 to 0.217 (that name a style). In 24 prompts of each category, one picture each,
  guidance 3, 4, 6 and 8 scored 0.40, 0.42, 0.40 and 0.35 on average; 4 it is.
- Eighty minutes more of the denoiser (248,768 samples, from the state before the last decay), and
  nothing else: at the noisiest step 0.089 to 0.080 (unseen scenes of two things), 0.086 to 0.078
  (of two that each have a colour), 0.089 to 0.077 (counts), 0.138 to 0.120 (single things), 0.217
  to 0.203 (that name a style). Of 600 things asked for by name 0.570 were recognised before, of
  1,200 now 0.630. What it did not move: the style that is named, words that no caption contains,
  and variety.
- Style: of 160 prompts that name one, it was seen in 0.54 of the pictures, in 0.78 of the real
  drawings that the generator was trained on. Missed most were Noto (0.24, drawn as flat fluent or
  the old Noto) and EmojiOne (0.39); fluent and 3d are mistaken for each other, which happens to the
  real ones too. Guidance 7 changed nothing (0.52). So half of the samples were composed anew, of
  which 0.67 name a style instead of 0.47, for another hour (215,000 samples). The error of what
  names a style came from 0.203 to 0.196 at the noisiest step, of the rest as much as without that
  (single things 0.120 to 0.115, counts 0.077 to 0.072), and of 1,200 things asked for by name
  0.667 were recognised, 0.630 before. The style was not: 0.60 of those 160, but 0.36 of the
  table's 400 pictures, 0.40 before; both are within what another sample of prompts changes.
- Variety: with nothing left open, eight seeds of "a cat" were one cat (0.21). First, no style named
  came to mean one of three drawings as often as another (Twemoji's, flat Fluent's, Noto's). After
  58,000 samples all seeds of "a house" were the same mixture of the three, at guidance 4, 2 and 1,
  so that was given up. Then half of the backgrounds were left unnamed, whatever they are: the last
  111,000 samples. That is the same for all things and decided early, so it does not blur them.
  Variety is 0.41 (0.6 was hoped for: most seeds still choose white), the style is seen in 0.41 of
  the table's pictures (0.36 before), 0.657 of 1,200 things asked for by name are recognised (0.667
  before), counts are right in 0.74 (0.80); the rest of that hour went into learning this.
  It is the variety of a picture's colours more than of what is drawn: one real drawing, moved by a
  few pixels, has 0.17 on white and 0.58 on backgrounds taken at random.
- The decoder, trained on for what the denoiser draws: real scenes noised to t 150 to 650 and drawn
  anew from there as half of what it sees, four minutes of one core. The pictures drawn anew came
  from 17.95 to 18.56 dB, but with edges 0.71 instead of 0.89 as strong as the real ones', and what
  is kept of concepts it never saw from 28.8 to 27.7 dB: what blotches lack is not in the latents,
  so a decoder can only blur them.
- Styles: it was taught nine, of which the judge saw five hardly ever. Four of them draw nearly
  every thing (1,130 to 1,165 of 1,230) and are not taken for each other; now the denoiser learns
  those alone, 4,600 drawings instead of 8,309, and so each of them nearly twice as often. After
  78,784 samples the style is seen in 0.59 of the table's pictures, which ask for these four alone,
  and in 0.62 of the real ones (0.41 and 0.61 before, of nine). A background that no prompt names
  was white in 0.36 of the captions, now it is any of eleven alike: variety went from 0.41 to 0.51.
- Two transformer blocks instead of one wherever text is read, a fifth more arithmetic, the new ones
  begun so that they add nothing. From the same state, a quarter of an hour of one core each, it saw
  24,768 samples and the shallower one 30,912; the errors were 0.233 and 0.239 on the pictures kept
  back, 0.275 and 0.270 on others. It was kept for what it can still learn.
- Guidance in an interval only, 32 prompts of each category, one picture each: 0.53 on average with
  guidance 4 at all steps, the same without it above t 940, 0.50 without it below t 300 and 0.42
  below t 600; guidance 6 from t 300 to 940 0.50; guidance 6, rescaled by 0.7 (Lin et al. 2024),
  0.43. It stayed at all steps then.
- Sampler and steps, 20 prompts of each category, one picture each: on average 0.558 with 25 steps
  of Euler ancestral, which was the default, 0.533 with 16; 0.575 with 16 steps of DPM-Solver++ 2M,
  0.550 with 12, 0.525 with 16 and guidance 5. The standard error is about 0.04, so what the nine
  steps less cost does not show in it. With the network of twice the arithmetic, 40 prompts of each:
  0.671 with 12 steps, 0.658 with 16; so 12 it is, to draw in under two seconds.
- A compiled graph, the other memory format and fused attention train as many samples a second,
  within 5 %, on a processor without fast bfloat16.
- Muon instead of AdamW, from nothing and at equal time: behind after four minutes. From the weights
  of 1,756,064 samples it was ahead: in 12 minutes of one core each (with a decay) it saw 9,216
  samples and AdamW 11,584, and at t 999, 900, 700, 400 and 100 its errors of single things were
  0.368, 0.274, 0.149, 0.094 and 0.0253, AdamW's 0.372, 0.277, 0.151, 0.095 and 0.0255. The U-Net's
  inner weights have learned with it since.
- The first level of the U-Net 128 channels wide instead of 64, a fifth more arithmetic: grown from
  the weights of 1,834,848 samples, with larger errors at first (0.033 instead of 0.024 at t 100).
  In 12 minutes of one core each (with a decay, batches of 32) the wider one saw 16,032 samples and
  one that stayed as it was 20,096; at t 999, 900, 700, 400 and 100 the errors of 256 single things
  were 0.422, 0.293, 0.143, 0.090 and 0.0253, and 0.423, 0.288, 0.143, 0.089 and 0.0246, both worse
  than before, for what the last decay had gained was lost first. The wider one went on for 76
  minutes of both cores in batches of 96, the second half of them a decay, to 0.395, 0.254, 0.119,
  0.076 and 0.0216 (0.409, 0.278, 0.134, 0.085 and 0.0239 before). Of unseen scenes they were
  0.405, 0.213, 0.076, 0.054 and 0.0201 (0.417, 0.229, 0.089, 0.063 and 0.0225 before).
- Then the second level, 256 channels instead of 128: 25.9 M parameters, twice the arithmetic. Grown
  from those weights it began with nearly their errors (0.2553 instead of 0.2539 at t 900, 0.0222
  instead of 0.0216 at t 100). After 100 minutes of both cores (141,696 samples, batches of 96, the
  last hour a decay) they were 0.388, 0.250, 0.112, 0.071 and 0.0207 of the single things, 0.406,
  0.217, 0.071, 0.051 and 0.0192 of the scenes: a sixteenth smaller in the later steps, the same in
  the first. In that time the captions changed too, see the next point.
- Captions called 343 of the things by 2,642 more words now and then, WordNet's synonyms and kinds
  of them (`ldm/training/wordnet.py`), in an eighth of the captions that are composed since, and
  single icons stood in a colour that is named in 0.45 instead of 0.35 of the cases where they can;
  about half of the samples of that time were such. Of these words a quarter showed what it should
  then (top 5), a third after 156,192 samples more, so the page does not suggest them; words that
  are in no caption are where they were.
- Words around a thing that no icon shows spoilt it: "a small frog" was red, "a fluffy dog" a
  blotch, "a cat at night" no cat. Now a quarter of the things of captions has one of 131
  adjectives, a fifth of the captions one of 54 frames ("a photo of ...", "... in the rain"), and a
  quarter of those of scenes "the" or no article, all of which change nothing. After 41 minutes of
  both cores with such captions for the most part, the last of those 156,192 samples, *other words
  around a name* (adjectives and frames that are in no caption) is 0.89; it was 0.74.
- Two things were drawn if a prompt put them as the captions did, hardly else: "a cat under a tree"
  was the other way round, "a cat together with a dog" one animal, "lots of apples" one apple; of
  100 prompts of pairs said in other ways 0.24 were right, of positions 0.21. So captions put each
  relation, quantity, background and style in two to seven ways, 0.6 of the time in the first of
  them, and leave out the articles in a quarter of the scenes. After 72 minutes of both cores with
  such captions in 25 of 38 shards, the second half of them a decay, it is 0.49 and 0.66, and what
  is said as ever came on too: the mean of six from 1.69 to 1.82 (213,408 samples in all since; the
  errors of the pictures kept back, at t 999, 900, 700, 400 and 100, 0.381, 0.273, 0.134, 0.074 and
  0.0196 before, 0.372, 0.264, 0.126, 0.070 and 0.0188 now).
- Faces and people stood in no scene, so "a man and a dog" was a dog beside a blotch. Since they are
  in a third of the captions' pairs, half as often as things, and after 106 minutes of both cores
  (240,000 samples from the state before that decay, the last 40 minutes another one) they are
  drawn, roughly: two women have faces, a wizard is a patch. The mean of six came from 1.82 to 1.87,
  what is said in other ways from 0.49 and 0.66 to 0.62 and 0.75; "a cat, a dog" and "a bird on a
  house" are still one thing. The errors of pictures kept back, others than before, are 0.348,
  0.216, 0.110, 0.064 and 0.0183 now; the weights before had 0.357, 0.236, 0.116, 0.067 and 0.0188.
- Then captions took the first of several ways 0.45 of the time, and one thing of two stood there
  more than once in 0.26 instead of 0.20 of the cases. After 101 minutes (187,000 samples from the
  state before that decay, the second half another one), with guidance from t 500 and the mean of
  two runs, see below, the mean of six is 1.90, said in other ways 0.68 and 0.76, and 0.82 of the
  concepts are recognised by name, 0.78 before.
- A background that no caption names was any of eleven, so a yellow cat stood on orange. Now it is
  one of those on which less than 0.3 of each thing has colours like it: eight on average for one
  thing. And captions take the first of several ways 0.35 of the time. After 93 minutes of both
  cores with such shards alone (239,808 samples from the state before the last decay, the second
  half another one) a cat stands on pink, "a bird on a house" is two things; said in other ways,
  pairs are right in 0.77 (0.68 before) and positions in 0.81 (0.76), the mean of six is the same.
  The price is variety: 0.55, and 0.57 before. Errors of pictures kept back, at t 999, 900, 700, 400
  and 100: 0.320, 0.216, 0.109, 0.062 and 0.0177 with the weights before that run, 0.301, 0.195,
  0.099, 0.059 and 0.0173 with its own, 0.303, 0.196, 0.098, 0.058 and 0.0171 with two parts of
  these and one of those, which were in this folder then.
- Then 172,032 samples more in 100 minutes (from the state before that decay, the second half
  another one, six new shards beside the 24), and the mean of both runs' weights. Errors of pictures
  kept back: 0.299, 0.201, 0.099, 0.058 and 0.0171 with that run's, 0.297, 0.195, 0.097, 0.057 and
  0.0169 with the mean, which is in this folder. Of 100 other prompts of each of the six categories,
  two seeds each, 0.775 on average are right, 0.759 with the weights before (the difference of the
  same prompts is 0.016 ± 0.009); of the table's own 0.732, and 0.739 before, not all of them the
  same.
- The table was stricter from then on. Its errors counted each picture, now each prompt. The ceiling
  was of real scenes on white in drawings of all nine sets: single object 0.35 (0.57 among the first
  five), two objects 0.40, colours 0.43, position 0.38, colour binding 0.26, counting 0.57. Style
  and background did not ask for the thing: 0.75 and 0.99, with ceilings of 0.62 and 0.99. A copy
  was only one on white: 0.015. The Fréchet distance was to scenes of other prompts: 5.0. Ten of the
  adjectives kept to measure by were in names or captions ("a broken heart").
- Variety as a property of the captions: for the same 25 prompts the real drawings that they mean,
  on backgrounds as the composer takes them and moved by its few pixels, have 0.56; drawn by the
  weights before these, 0.55. So 0.6 is not to be had by learning better, only by captions that mean
  more: of 31 other things 0.61 with such backgrounds, 0.62 where these vary twice as much, 0.61
  with gradients, 0.65 with a horizon; that is not done.
- Combinations held out from training were hoped to be within 0.10 of the others. On average they
  are: 0.65 and 0.69. Colours and positions are not behind, two objects are 0.05, colour binding is
  0.13, of 25 prompts each. The weights before had 0.68 and 0.70, colour binding 0.17 behind. The
  judge never saw them either: of real scenes, in drawings that it knows, it is right about 0.73 of
  colours and 0.72 of colour bindings that are held out, but about 0.85 and 0.83 of others (300 of
  each).
- Words taught to the text encoder alone: its trained layers were to say of "a chalet" what they say
  of "a house", for 4,072 words from WordNet (kinds of kinds too) and from MiniLM's nearest names of
  the same field. After six minutes of one core 0.40 of 98 of WordNet's words were right instead of
  0.26, but 0.79 of 100 names instead of 0.92, and of those in no caption 0.14 instead of 0.16: what
  the layers say of them is nearest to a right name for 0.3, before and after (MiniLM itself: 0.5),
  and what is between names is not drawn.
- So the tokenizer has such words read as names, which changes no weight (`readings.py`; Kiros et
  al. 2015 expand a vocabulary so): synonyms and kinds by WordNet, which captions no longer contain,
  and nouns whose nearest name in MiniLM, of the same field, has a cosine of 0.6 or more with
  theirs; 0.7, if MiniLM has no token for the word, for those are near to what is spelt alike
  ("brolly" to broccoli). The words kept to measure by are left out of WordNet's. Of these 110 the
  tokenizer takes 33 for another, 27 for a right one, and 0.36 were drawn right then; 0.16 before.
  Of WordNet's words 0.82 were; 0.33 before.
- Unicode's keywords stood in a twentieth of the captions behind a name ("a cat, kitten, pet"), so
  "kitten" counted as a word that was read, but was a smudge. They left the captions, but for those
  of faces, which say what is felt; of what has the word as a keyword the tokenizer now believes
  that it is meant at a cosine that is lower by 0.25 (of people by 0.05: a mother is a keyword of
  Mrs. Claus). It reads 4,231 of WordNet's words as names and 944 others, of which 195 are keywords:
  a squirrel is a chipmunk, a witch a mage, three kittens are three cats.
- Variety by less guidance: of the 64-128 network 0.51 with guidance 4, 0.53 with 3, 0.52 with 4 but
  none above t 940, 0.55 with none above t 870. Of the 128-128 network 0.49 with 4 and 0.50 with 3,
  which costs what is asked for: 0.62 instead of 0.66 on average, 20 prompts of each category. Nor
  is it the sampler: of the 128-256 network 0.47, with 40 steps, one more step between the first
  two, Euler ancestral or no guidance at the first step 0.47 to 0.49. One real drawing on
  backgrounds at random has 0.59, mirrored in half of them 0.61, and 0.67 if it also stands anywhere
  in the picture in sizes from 0.7 to 0.95 of it. But the judge, which never saw such, knows only
  0.73 and 0.36 of these, 0.91 of the others.
- Variety by drawings that differ: of what stands alone without a style in the caption, a fifth was
  of any other style, for the noise to choose. After 47,000 samples variety was 0.53 as before, all
  seeds one drawing; the captions were given their styles back.
- Guidance at the first steps is what takes variety away. Of 25 things with eight seeds, drawn by
  the average after 2,677,440 samples: variety 0.53 with guidance 4 at all steps, 0.56 from t 870,
  0.57 from t 760 or 600, 0.59 from t 400; the right thing in 0.76, 0.80, 0.81, 0.81 and 0.82 of
  them. At all steps 0.58 and 0.78 with guidance 2, 0.59 and 0.80 with 1.5, 0.66 and 0.76 with none.
  Of 32 prompts of each category 0.76 were right with 4 at all steps, 0.77 with 4 from t 500, 0.76
  with 2 and 0.72 with 1.5 at all steps; the standard error is 0.02. So it begins at t 500
  (Kynkäänniemi et al. 2024). With the weights after the next 140,000 samples variety was 0.57 and
  0.80 of such prompts were right; 0.58 and 0.78 with guidance 3 from t 350, 0.59 and 0.73 with 1.5
  from t 400, 0.61 and 0.68 with none: the 0.6 that was hoped for would cost a seventh of what is
  asked for.
- The mean of the weights that the last two runs ended with (Izmailov et al. 2018) is better than
  either: of pictures kept back the errors at t 999, 900, 700, 400 and 100 are 0.313, 0.220, 0.100,
  0.063 and 0.0181 with those of the former, 0.309, 0.210, 0.097, 0.061 and 0.0177 with those of the
  latter, 0.306, 0.210, 0.095, 0.060 and 0.0176 with their mean (`export --name NAME NAME`).
  Half-way to the average from before the decay they are as the latter's.
- Batches of 32 or 64: no difference. Easier pictures (centred, larger, plain styles more often):
  twice as many things recognised.
- Some minutes at the end with little noise: once fills a little smoother, lately no
  difference (five minutes; 0.0215 instead of 0.0216 at t 100, the other errors a little larger).
- openmoji stays below 26 dB because its pictures have three times the detail (the variance within
  a latent's cell: black outlines). The autoencoder loses 0.17 of it, less than of what it never
  saw in the styles it knows; 26 dB would take losing 0.11.

### Autoencoders compared

`tests/benchmarks/autoencoders.py`, on an Intel Xeon (Sapphire Rapids without AMX): every candidate
from nothing in 12 minutes of one core, then a denoiser on its latents of the same 6,144 scenes in
20. f8 is 8x8 pixels to a cell, c8 eight channels; EQ half of the batches transformed (EQ-VAE), KL
its weight, 1e-4 where none is named. *Guess* is the squared error, in pixels, of what the first
step takes the picture to be; *judge* the mean of the six categories, of 24 prompts each.

| latents | unseen concepts | openmoji | decoding two | samples | guess | Fréchet | judge |
|---|---|---|---|---|---|---|---|
| f8c8 | 23.70 dB | 17.23 dB | 58 ms | 34,752 | 0.122 | 4.4 | 0.021 |
| f8c4 | 23.82 dB | 17.37 dB | 57 ms | 34,880 | 0.117 | 5.5 | 0.035 |
| f8c16 | 24.10 dB | 17.69 dB | 58 ms | 35,680 | 0.126 | 4.6 | 0.014 |
| f16c32 | 18.94 dB | 13.86 dB | 59 ms | 30,976 | 0.127 | 6.2 | 0.014 |
| f8c8, no EQ | 24.43 dB | 18.86 dB | 58 ms | 37,152 | 0.121 | 4.8 | 0.007 |
| f8c8, KL 1e-2 | 23.51 dB | 17.02 dB | 58 ms | 37,952 | 0.118 | 5.2 | 0.042 |

The autoencoders saw 16,352 (no EQ) to 21,824 (f16c32) pictures in that time. f16 is behind in
everything but the time to decode, most of which the last level takes, whatever the latents are.
Among the others little is decided in so short a time: the judge's figures have a standard error of
about 0.012. The bundled autoencoder is f8c8 with EQ, whose pictures are closest to real ones here;
EQ costs 0.7 dB of what is kept of unseen concepts, 1.6 dB of a style it never saw.

### Sizes compared

`tests/benchmarks/sizes.py`, on the same machine: U-Nets of four widths from nothing, ten minutes of
one core each, on the bundled latents and text. The errors are those of the picture that is
foreseen, at five timesteps, in latents of unit variance, of single things that are kept back.

| widths | parameters | samples | t 999 | t 900 | t 700 | t 400 | t 100 |
|---|---|---|---|---|---|---|---|
| 64-128 | 7.6 M | 21,376 | 0.284 | 0.274 | 0.239 | 0.160 | 0.049 |
| 96-192 | 13.1 M | 12,768 | 0.303 | 0.293 | 0.255 | 0.168 | 0.051 |
| 128-256 | 20.4 M | 8,160 | 0.329 | 0.317 | 0.274 | 0.188 | 0.060 |
| 160-320 | 29.5 M | 5,504 | 0.356 | 0.341 | 0.295 | 0.207 | 0.069 |

The smallest was ahead at every timestep, so the bundled one was 64-128 for its first twelve hours.
From there wider levels paid: see above.

## What it cannot do

It knows the things that emoji show, about 1,200 of them, and little else: no photographs, no people
by name, no signs or flags, no writing. Adjectives but for colours, and places and times, are meant
to change nothing. It was trained for hours on a CPU, not days on a cluster, and the figures above
say how far that goes. The text encoder reads 32 tokens; the rest is cut.

## Data and licences

{credits}

The icons were rendered at 128 px, recoloured and composed into scenes. They keep their licences
([CC-BY-4.0](https://creativecommons.org/licenses/by/4.0/),
[Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0), MIT); the weights are offered under
CC-BY-4.0 with these credits.
"""

EXPLANATION = """\
A judge, a network trained on composed scenes of the real pictures that took no part in training the
generator, says which things a picture shows, where, how many and in which colour. The prompts are
made from templates over {concepts:,} concepts, {prompts} a category (`--prompts {prompts}`) with
{seeds} seeds each, of combinations held out from training as many as the row says. The error
behind ± is that of the mean over prompts; seeds of one prompt are alike, so they count as one.
*Ceiling* is the judge's own score on real scenes that show the same, on backgrounds chosen as for
the generator, in drawings that neither it nor the generator has seen, of the styles that the
generator learned; *share* is the score over it. It can be above 1, for the generator draws what the
judge was trained on too. Except in *single object*, a thing counts as seen if its name is among the
judge's first five, in *style* and *background* too. *Said in other ways* is the same asked in any
but the first of the ways that captions put it: "dog beneath tree", "a dog, a tree". The Fréchet
distance is taken in the judge's features, from all prompts' pictures to real scenes of the same
prompts. *Variety* is the mean distance between eight seeds of a prompt over that between the real
drawings, on white. *Copies* is how many pictures are nearer to a training picture, at 32x32 pixels,
than the real drawings of that thing are to each other, all on that picture's background."""


def write(folder: Path) -> str:
    """Writes README.md into a checkpoint from its training.json and evaluation.json; its text."""
    record = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    figures = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    text = CARD.format(
        name=folder.name,
        parts=_parts(folder, record.get("text")),
        styles=", ".join(sources.STYLES[name] for name in STYLED),
        **record,
        settings=", ".join(f"{k} {v}" for k, v in figures["settings"].items()),
        table=table(figures),
        explanation=_explanation(figures),
        sheet=_sheet(figures),
        credits=_credits(),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    return text


def _parts(folder: Path, text: dict | None) -> str:
    vae = json.loads((folder / "vae" / "config.json").read_text(encoding="utf-8"))
    unet = json.loads((folder / "unet" / "config.json").read_text(encoding="utf-8"))
    return (
        f"- Autoencoder: `AutoencoderKL`, {unet['in_channels']} latent channels, "
        f"{unet['sample_size']}x{unet['sample_size']} latents, widths {vae['block_out_channels']}\n"
        f"- Denoiser: `UNet2DConditionModel`, widths {unet['block_out_channels']}, "
        f"{unet['transformer_layers_per_block']} transformer blocks wherever text is read, "
        "v-prediction on a cosine schedule shifted towards noise\n"
        f"- Text encoder: all-MiniLM-L6-v2, frozen{_top(text)}"
    )


def _top(record: dict | None) -> str:
    """What is said of the text encoder's trained layers, if it has any."""
    if record is None:
        return ""
    return (
        "; layers on top were trained to tell the mean latent of a caption's pictures, on "
        f"{record['samples']:,} samples in {record['hours']} hours, then with the denoiser"
    )


def table(figures: dict) -> str:
    """The figures of `evaluate` as a table in Markdown."""
    rows = ["| | |", "|---|---|"]
    for name, row in figures["reconstruction"].items():
        rows.append(
            f"| reconstruction, {name} | {row['psnr']:.2f} dB, SSIM {row['ssim']:.3f}, "
            f"edge strength {row['edges']:.2f} of the original's; lost {row['lost']:.2f} of a "
            f"detail of {row['detail']:.3f} |"
        )
    if "asked" in figures:
        rows += _judged(figures)
    return "\n".join(rows)


def _judged(figures: dict) -> list[str]:
    rows = ["", "| | score | ceiling | share |", "|---|---|---|---|"]
    best, five = figures["ceiling"], "single object, top 5"
    rows += [_row(name, row, best.get(name)) for name, row in figures["asked"].items()]
    rows.append(f"| **mean of six** | | | **{evaluate.mean_of_six(figures):.2f}** |")
    for name, row in figures["each"].items():
        label = name.replace("single object", f'{row["count"]} concepts, each "a NAME", seed 0')
        rows.append(_row(label, row, best.get(name)))
    for name, row in figures["held out"].items():
        label = f"{name}, {row['count']} prompts of combinations held out from training"
        rows.append(_row(label, row, figures["ceiling held out"].get(name)))
    for name, row in figures["otherwise"].items():
        rows.append(_row(f"{name}, said in other ways", row, best.get(name)))
    for label, name in (
        ("other words around a name", "reworded"),
        ("synonyms and kinds by WordNet", "kinds"),
        ("words no caption contains", "unseen words"),
    ):
        rows.append(_row(f"{label}, top 5", figures[name], best.get(five)))
    rows.append(f"| variety | {figures['variety']:.2f} | | |")
    rows.append(f"| copies | {figures['copies']:.3f} | | |")
    return [*rows, f"| Fréchet distance | {figures['frechet']:.1f} | | |"]


def _row(label: str, row: dict, best: dict | None) -> str:
    """A score and, if there is one, the ceiling and the share of it."""
    if not best:
        return f"| {label} | {_share(row)} | | |"
    return f"| {label} | {_share(row)} | {_share(best)} | {evaluate.of_ceiling(row, best):.2f} |"


def _share(row: dict) -> str:
    return f"{row['share']:.3f} ± {row['error']:.3f}"


def _explanation(figures: dict) -> str:
    if "asked" not in figures:
        return "How often a judge sees what was asked for has not been measured yet."
    return EXPLANATION.format(**figures)


def _sheet(figures: dict) -> str:
    """The contact sheet and its prompts; nothing if none was drawn."""
    if "sheet" not in figures:
        return ""
    prompts = "\n".join(f"{k}. {prompt}" for k, prompt in enumerate(figures["sheet"], start=1))
    return f"""
## {len(figures["sheet"])} prompts, seed 0, none left out

![The pictures of these prompts, row by row](sheet.webp)

<details><summary>The prompts, row by row</summary>

{prompts}

</details>
"""


def _credits() -> str:
    icons = [f"- {s.credit}: {s.licence}, {s.package} {s.version}" for s in sources.ICON_SETS]
    names, words, text = sources.NAMES, sources.WORDS, sources.TEXT_ENCODER
    measured = sources.HELD_OUT_SET
    return "\n".join(
        [
            *icons,
            f"- names and keywords: {names.package} {names.version} ({names.licence}), from "
            "Unicode CLDR (Unicode-3.0)",
            f"- more words: {words.credit} ({words.licence}), {words.package} {words.version}",
            f"- text encoder: {text.name} ({text.licence}), in half precision, one entry of its "
            "vocabulary unused",
            f"- only to measure, never to train: {measured.credit}: {measured.licence}",
        ]
    )
