"""The calls by which a driver could create a file through its JVM.

Each takes the gateway's ``jvm``, a ``FileSystem``, its ``Configuration``, the file's URI, the content and a word that
no other writer uses, and returns whether this writer created the file. What it does not know it lets through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]

Creator = Callable[[Any, Any, Any, str, bytes, str], bool]

# The last is S3A's word for the answer 412 to a conditional PUT.
_EXISTS = {"FileAlreadyExistsException", "AlreadyBeingCreatedException", "RemoteFileChangedException"}


def java_class(error: Py4JJavaError) -> str:
    """The Java exception's class; a remote one's own where it came wrapped from the name node."""
    java = error.java_exception
    name = str(java.getClass().getSimpleName())
    return str(java.getClassName()).rpartition(".")[2] if name == "RemoteException" else name


def java_path(jvm: Any, uri: str) -> Any:
    return jvm.org.apache.hadoop.fs.Path(uri)


def open_file_system(jvm: Any, uri: str, settings: dict[str, str]) -> tuple[Any, Any]:
    conf = jvm.org.apache.hadoop.conf.Configuration()
    for name, value in settings.items():
        conf.set(name, value)
    return jvm.org.apache.hadoop.fs.FileSystem.newInstance(jvm.java.net.URI(uri), conf), conf


def read(jvm: Any, fs: Any, uri: str) -> bytes:
    stream = fs.open(java_path(jvm, uri))
    try:
        return bytes(stream.readAllBytes())
    finally:
        stream.close()


def _refused(error: Py4JJavaError) -> bool:
    return java_class(error) in _EXISTS


def _put(stream: Any, content: bytes) -> None:
    stream.write(content)
    stream.close()


def create(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> bool:
    try:
        _put(fs.create(java_path(jvm, uri), False), content)
    except Py4JJavaError as error:
        if _refused(error):
            return False
        raise
    return True


def _builder(fs: Any, path: Any, options: dict[str, bool]) -> Any:
    builder = fs.createFile(path).overwrite(False).recursive()
    for name, value in options.items():
        builder = builder.must(name, value)
    return builder.build()


def build(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> bool:
    try:
        _put(_builder(fs, java_path(jvm, uri), {}), content)
    except Py4JJavaError as error:
        if _refused(error):
            return False
        raise
    return True


def build_conditional(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> bool:
    """``must`` makes a file system that does not know the option refuse, instead of doing without it."""
    try:
        _put(_builder(fs, java_path(jvm, uri), {"fs.option.create.conditional.overwrite": True}), content)
    except Py4JJavaError as error:
        if _refused(error):
            return False
        raise
    return True


def _beside(uri: str, who: str) -> str:
    directory, _, name = uri.rpartition("/")
    return f"{directory}/.tmp-{name}-{who}"


def rename(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> bool:
    temporary = java_path(jvm, _beside(uri, who))
    _put(fs.create(temporary, True), content)
    try:
        renamed = bool(fs.rename(temporary, java_path(jvm, uri)))
    except Py4JJavaError as error:
        if not _refused(error):
            raise
        renamed = False
    if not renamed:
        fs.delete(temporary, False)
    return renamed


def context_rename(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> bool:
    """``FileContext.rename`` without the option to overwrite, which raises where ``FileSystem.rename`` says no."""
    temporary = java_path(jvm, _beside(uri, who))
    _put(fs.create(temporary, True), content)
    context = jvm.org.apache.hadoop.fs.FileContext.getFileContext(fs.getUri(), conf)
    try:
        context.rename(temporary, java_path(jvm, uri), _rename_options(jvm))
    except Py4JJavaError as error:
        fs.delete(temporary, False)
        if _refused(error):
            return False
        raise
    return True


def _rename_options(jvm: Any, *names: str) -> Any:
    kind = jvm.java.lang.Class.forName("org.apache.hadoop.fs.Options$Rename")
    options = jvm.java.lang.reflect.Array.newInstance(kind, len(names))
    for place, name in enumerate(names):
        options[place] = jvm.java.lang.Enum.valueOf(kind, name)
    return options


def replace_by_create(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> None:
    _put(fs.create(java_path(jvm, uri), True), content)


def replace_by_rename(jvm: Any, fs: Any, conf: Any, uri: str, content: bytes, who: str) -> None:
    temporary = java_path(jvm, _beside(uri, who))
    _put(fs.create(temporary, True), content)
    context = jvm.org.apache.hadoop.fs.FileContext.getFileContext(fs.getUri(), conf)
    context.rename(temporary, java_path(jvm, uri), _rename_options(jvm, "OVERWRITE"))


CREATORS: dict[str, Creator] = {
    function.__name__: function for function in (create, build, build_conditional, rename, context_rename)
}
REPLACERS: dict[str, Callable[[Any, Any, Any, str, bytes, str], None]] = {
    function.__name__: function for function in (replace_by_create, replace_by_rename)
}
