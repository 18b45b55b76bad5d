"""Gradio's reader of uploads, made to leave nothing behind and to take any file name."""

from __future__ import annotations

import contextlib
from pathlib import Path

from gradio import route_utils, routes
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException

from ui.http.file_names import plain_name


class UploadParser(route_utils.GradioMultiPartParser):
    """Writes the files of a form to disk; if that ends early, for whatever reason, they are deleted.

    Gradio's own deletes them only where the form is damaged: they stayed where the sender went away or the disk was
    full.
    """

    async def parse(self) -> FormData:
        """The form's fields and files.

        Raises:
            MultiPartException: it is damaged, or no form of files.
        """
        try:
            form = await super().parse()
            uploads = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
            if len(uploads) < len(self._files_to_close_on_error):
                raise MultiPartException("The form ends within a file.")
            if self.upload_dir is not None and form.getlist("files") != uploads:
                raise MultiPartException("The form holds more than files, or a file without a name.")
            for upload in uploads:
                upload.filename = plain_name(upload.filename or "")
        except MultipartParseError as error:
            self._delete_files()
            raise MultiPartException(f"The form is damaged: {error}") from error
        except BaseException:
            self._delete_files()
            raise
        return form

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """A stretch of a file or a field; only files have a progress."""
        progress = self.upload_progress
        if self._current_part.file is None:
            self.upload_progress = None
        try:
            super().on_part_data(data, start, end)
        finally:
            self.upload_progress = progress

    def _delete_files(self) -> None:
        if self.upload_progress is not None and self.upload_id:
            self.upload_progress.set_done(self.upload_id)  # else who watches it waits for ever
        for file in self._files_to_close_on_error:
            with contextlib.suppress(OSError):  # what is still to be written of it may not fit on the disk
                file.close()
            Path(file.name).unlink(missing_ok=True)


def install() -> None:
    """Make Gradio's routes read with it."""
    route_utils.GradioMultiPartParser = UploadParser  # type: ignore[misc]
    routes.GradioMultiPartParser = UploadParser  # type: ignore[misc, attr-defined]
