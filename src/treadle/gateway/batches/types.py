"""OpenAI's file and batch objects, field for field, so that its clients work; times are seconds since 1970."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from treadle.core.types import Record

FileId = Annotated[str, StringConstraints(pattern=r"^file_[0-9a-z]{26}$")]
BatchId = Annotated[str, StringConstraints(pattern=r"^batch_[0-9a-z]{26}$")]
Purpose = Literal["batch", "batch_output", "user_data", "evals", "fine-tune", "assistants", "vision"]
BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]
FINAL: frozenset[BatchStatus] = frozenset({"failed", "completed", "expired", "cancelled"})
MAX_LINES = 50_000
"""Requests in a batch, as OpenAI limits them."""
MAX_FILE_BYTES = 200 * 1024 * 1024


class FileObject(Record):
    """A file."""

    id: str
    """'file_…'."""
    object: Literal["file"] = "file"
    bytes: int
    """Length of its content."""
    created_at: int
    expires_at: int | None = None
    """When it is gone; None keeps it."""
    filename: str
    purpose: Purpose
    status: Literal["processed"] = "processed"
    """Checked when a batch reads it, not before."""


class FileList(Record):
    """A page of files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    """Hand it back as `after` for the next page."""
    has_more: bool


class FileDeleted(Record):
    """What is left of a file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class ExpiresAfter(Record):
    """How long output files are kept."""

    anchor: Literal["created_at"] = "created_at"
    seconds: int = Field(ge=3600, le=30 * 86_400)


class NewBatch(Record):
    """A batch to start."""

    input_file_id: str = Field(max_length=100)
    """A file of JSON lines, uploaded with purpose 'batch'."""
    endpoint: str = Field(max_length=100)
    """The path that every line asks: '/v1/chat/completions', '/v1/embeddings' …"""
    completion_window: Literal["24h"] = "24h"
    """What is not answered by then expires."""
    metadata: dict[str, Annotated[str, StringConstraints(max_length=512)]] | None = Field(default=None, max_length=16)
    """The caller's own notes."""
    output_expires_after: ExpiresAfter | None = None
    """None keeps the output."""


class RequestCounts(Record):
    """How far a batch is."""

    total: int
    completed: int
    """Answered with 200."""
    failed: int
    """Answered with an error."""


class BatchError(Record):
    """Why a batch failed."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None
    """The line at fault, from 1; None when it is not one line's."""


class BatchErrors(Record):
    """Why a batch failed, one entry per fault."""

    object: Literal["list"] = "list"
    data: list[BatchError]


class InputDetails(Record):
    """Of the input tokens."""

    cached_tokens: int


class OutputDetails(Record):
    """Of the output tokens."""

    reasoning_tokens: int


class BatchUsage(Record):
    """Tokens of every answer together."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Batch(Record):
    """Many requests that are answered when there is time."""

    id: str
    """'batch_…'."""
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None = None
    """The model that the first line asks; None before it was read."""
    errors: BatchErrors | None = None
    input_file_id: str
    completion_window: str
    status: BatchStatus
    output_file_id: str | None = None
    """Lines that were answered with 200; None until there is one."""
    error_file_id: str | None = None
    """Lines that were not."""
    created_at: int
    in_progress_at: int | None = None
    expires_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts
    usage: BatchUsage | None = None
    """None until it is done."""
    metadata: dict[str, str] | None = None
    run_id: str | None = None
    """Ours: the run that works on it."""


class BatchList(Record):
    """A page of batches, newest first."""

    object: Literal["list"] = "list"
    data: list[Batch]
    first_id: str | None
    last_id: str | None
    has_more: bool
