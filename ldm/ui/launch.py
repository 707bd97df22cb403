"""The app as a whole: its pages, its looks, and how it is served."""

from types import ModuleType

import gradio as gr

from ldm.memory import keep_memory
from ldm.ui.diagram import draw_diagram
from ldm.ui.pages import autoencoder, generate, noising, toy
from ldm.ui.pages import map as atlas
from ldm.ui.studio import Studio
from ldm.ui.theme import HEAD, STYLE, WEB, choose_theme

PAGES = (generate, noising, autoencoder, toy, atlas)  # modules with TITLE and build(studio)
KEPT = (600, 3600)  # seconds: how often uploads are looked through, and how old they get
MAX_UPLOAD = "20mb"


def choose_pages(studio: Studio) -> list[ModuleType]:
    """Returns the pages that can be shown: a page may say whether it `is_there`."""
    return [page for page in PAGES if getattr(page, "is_there", lambda _: True)(studio)]


def build(studio: Studio) -> gr.Blocks:
    """Returns the whole app: the diagram, which is its map, and the pages under it."""

    def leave(visitor: gr.Request) -> None:
        studio.forget(visitor.session_hash)

    pages = choose_pages(studio)
    look = {"title": "Latent diffusion", "fill_width": True}
    with gr.Blocks(analytics_enabled=False, delete_cache=KEPT, **look) as app:
        gr.HTML(
            draw_diagram([page.TITLE for page in pages]),
            elem_classes="diagram",
            apply_default_css=False,
            js_on_load=(WEB / "doors.js").read_text(encoding="utf-8"),
        )
        with gr.Tabs(elem_id="pages", overflow_behavior="wrap"):
            for page in pages:  # the first receives runs though another page may be open
                with gr.Tab(page.TITLE, render_children=page is pages[0]):
                    page.build(studio)
        app.unload(leave)
    return app


def launch(studio: Studio, host: str, port: int) -> gr.Blocks:
    """Serves the app and returns at once; raises ValueError if it cannot listen there."""
    keep_memory()
    app = build(studio).queue(default_concurrency_limit=None)
    app._queue.sleep_when_free = 0.01  # seconds; Gradio's 0.001 costs 6 % of a core, all day long
    try:
        app.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            max_file_size=MAX_UPLOAD,
            run_history=False,
            footer_links=["api", "settings"],
            theme=choose_theme(),
            css_paths=STYLE,
            head=HEAD,
        )
    except OSError as error:
        raise ValueError(f"Cannot listen on {host}:{port} ({error}).") from error
    return app
