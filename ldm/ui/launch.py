"""The app as a whole: its pages, its looks, and how it is served."""

from pathlib import Path

import gradio as gr

from ldm.ui.diagram import draw_diagram
from ldm.ui.pages import generate
from ldm.ui.studio import Studio

STYLE = Path(__file__).parents[2] / "assets" / "web" / "style.css"


def build(studio: Studio) -> gr.Blocks:
    """Returns the whole app: the diagram, which is its map, and the pages under it."""

    def leave(visitor: gr.Request) -> None:
        studio.forget(visitor.session_hash)

    with gr.Blocks(analytics_enabled=False, title="Latent diffusion", fill_width=True) as app:
        gr.HTML(draw_diagram(), elem_classes="diagram", apply_default_css=False, js_on_load=None)
        generate.build(studio)
        app.unload(leave)
    return app


def launch(studio: Studio, host: str, port: int) -> gr.Blocks:
    """Serves the app and returns at once; raises ValueError if it cannot listen there."""
    app = build(studio).queue(default_concurrency_limit=None)
    try:
        app.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            footer_links=["api", "settings"],
            theme=choose_theme(),
            css_paths=STYLE,
        )
    except OSError as error:
        raise ValueError(f"Cannot listen on {host}:{port} ({error}).") from error
    return app


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
