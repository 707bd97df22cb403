"""How the app looks: Gradio's theme, changed a little, and one style sheet on top of it."""

from pathlib import Path

import gradio as gr

WEB = Path(__file__).parents[2] / "assets" / "web"
STYLE = WEB / "style.css"
HEAD = """<style>
@media (max-width: 640px) { footer .divider { display: none; } } /* Gradio hides what it divides */
@media (max-width: 1000px) { footer { padding-bottom: 90px !important; } } /* under the scrubber */
</style>"""  # of the footer, which the style sheet does not reach


def choose_theme() -> gr.themes.Base:
    """Returns Gradio's own theme, with enough contrast to read; its font comes with Gradio."""
    sans = gr.themes.LocalFont("Source Sans Pro", weights=(400, 700))  # its 600 has no letters
    theme = gr.themes.Default(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        font=[sans, "system-ui", "sans-serif"],
    )
    return theme.set(
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_title_text_color="*neutral_600",
        block_label_text_color="*neutral_600",
        input_placeholder_color="*neutral_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )
