"""The browser app: everything that knows Gradio."""
