"""Write the schemas of the page's OpenAPI document into a file, from which its front end takes its types."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi.openapi.utils import get_openapi

if TYPE_CHECKING:
    from fastapi import FastAPI


def document(app: FastAPI) -> dict[str, Any]:
    """Return the schemas of the app's document: the routes themselves are written by hand in the front end."""
    schemas: dict[str, Any] = get_openapi(title=app.title, version="1", routes=app.routes)["components"]["schemas"]
    ours = {name: schema for name, schema in schemas.items() if not name.startswith(("HTTP", "Validation"))}
    for schema in ours.values():
        schema.pop("description", None)  # the docstring of a class is for who reads the code
    return {
        "openapi": "3.1.0",
        "info": {"title": app.title, "version": "1"},
        "paths": {},
        "components": {"schemas": ours},
    }


if __name__ == "__main__":
    from airflow_spark_pipeline.plugins.page.app import build_app

    text = json.dumps(document(build_app()), indent=2, sort_keys=True)
    Path(sys.argv[1]).write_text(f"{text}\n", encoding="utf-8")
