from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CsvProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CSV_PROFILE_UNSPECIFIED: _ClassVar[CsvProfile]
    CSV_PROFILE_EXCEL: _ClassVar[CsvProfile]
    CSV_PROFILE_DATABASE: _ClassVar[CsvProfile]
    CSV_PROFILE_EXCEL_SAFE: _ClassVar[CsvProfile]

class OutputFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTPUT_FORMAT_UNSPECIFIED: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_CSV: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_XLSX: _ClassVar[OutputFormat]
    OUTPUT_FORMAT_PARQUET: _ClassVar[OutputFormat]

class MaskMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MASK_METHOD_UNSPECIFIED: _ClassVar[MaskMethod]
    MASK_METHOD_PSEUDONYM: _ClassVar[MaskMethod]
    MASK_METHOD_REMOVE: _ClassVar[MaskMethod]
    MASK_METHOD_REDACT: _ClassVar[MaskMethod]
    MASK_METHOD_PARTIAL: _ClassVar[MaskMethod]
    MASK_METHOD_MONTH: _ClassVar[MaskMethod]
    MASK_METHOD_YEAR: _ClassVar[MaskMethod]
    MASK_METHOD_KEEP: _ClassVar[MaskMethod]

class MaskProfile(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MASK_PROFILE_UNSPECIFIED: _ClassVar[MaskProfile]
    MASK_PROFILE_MYDATA_KR: _ClassVar[MaskProfile]

class RecordLayout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECORD_LAYOUT_UNSPECIFIED: _ClassVar[RecordLayout]
    RECORD_LAYOUT_AUTO: _ClassVar[RecordLayout]
    RECORD_LAYOUT_ARRAY: _ClassVar[RecordLayout]
    RECORD_LAYOUT_KEYED: _ClassVar[RecordLayout]
    RECORD_LAYOUT_LINES: _ClassVar[RecordLayout]
    RECORD_LAYOUT_SINGLE: _ClassVar[RecordLayout]
CSV_PROFILE_UNSPECIFIED: CsvProfile
CSV_PROFILE_EXCEL: CsvProfile
CSV_PROFILE_DATABASE: CsvProfile
CSV_PROFILE_EXCEL_SAFE: CsvProfile
OUTPUT_FORMAT_UNSPECIFIED: OutputFormat
OUTPUT_FORMAT_CSV: OutputFormat
OUTPUT_FORMAT_XLSX: OutputFormat
OUTPUT_FORMAT_PARQUET: OutputFormat
MASK_METHOD_UNSPECIFIED: MaskMethod
MASK_METHOD_PSEUDONYM: MaskMethod
MASK_METHOD_REMOVE: MaskMethod
MASK_METHOD_REDACT: MaskMethod
MASK_METHOD_PARTIAL: MaskMethod
MASK_METHOD_MONTH: MaskMethod
MASK_METHOD_YEAR: MaskMethod
MASK_METHOD_KEEP: MaskMethod
MASK_PROFILE_UNSPECIFIED: MaskProfile
MASK_PROFILE_MYDATA_KR: MaskProfile
RECORD_LAYOUT_UNSPECIFIED: RecordLayout
RECORD_LAYOUT_AUTO: RecordLayout
RECORD_LAYOUT_ARRAY: RecordLayout
RECORD_LAYOUT_KEYED: RecordLayout
RECORD_LAYOUT_LINES: RecordLayout
RECORD_LAYOUT_SINGLE: RecordLayout

class MaskRule(_message.Message):
    __slots__ = ("columns", "method", "domain")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    columns: str
    method: MaskMethod
    domain: str
    def __init__(self, columns: _Optional[str] = ..., method: _Optional[_Union[MaskMethod, str]] = ..., domain: _Optional[str] = ...) -> None: ...

class Masking(_message.Message):
    __slots__ = ("key", "profile", "rules")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    key: str
    profile: MaskProfile
    rules: _containers.RepeatedCompositeFieldContainer[MaskRule]
    def __init__(self, key: _Optional[str] = ..., profile: _Optional[_Union[MaskProfile, str]] = ..., rules: _Optional[_Iterable[_Union[MaskRule, _Mapping]]] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("job_id", "status", "msg", "job_start_time", "job_end_time", "phase", "reason", "revision", "progress", "file_names", "output_file_name", "merge", "csv_profile", "layout", "engine", "submit_time", "output_dir", "tables", "tables_total", "formats", "checksums")
    class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATUS_UNSPECIFIED: _ClassVar[Job.Status]
        WORKING: _ClassVar[Job.Status]
        DONE: _ClassVar[Job.Status]
        FAILED: _ClassVar[Job.Status]
        NOTFOUND: _ClassVar[Job.Status]
    STATUS_UNSPECIFIED: Job.Status
    WORKING: Job.Status
    DONE: Job.Status
    FAILED: Job.Status
    NOTFOUND: Job.Status
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PHASE_UNSPECIFIED: _ClassVar[Job.Phase]
        PHASE_QUEUED: _ClassVar[Job.Phase]
        PHASE_CONVERTING: _ClassVar[Job.Phase]
        PHASE_PUBLISHING: _ClassVar[Job.Phase]
        PHASE_WAITING_FOR_KEY: _ClassVar[Job.Phase]
        PHASE_ENDED: _ClassVar[Job.Phase]
    PHASE_UNSPECIFIED: Job.Phase
    PHASE_QUEUED: Job.Phase
    PHASE_CONVERTING: Job.Phase
    PHASE_PUBLISHING: Job.Phase
    PHASE_WAITING_FOR_KEY: Job.Phase
    PHASE_ENDED: Job.Phase
    class Progress(_message.Message):
        __slots__ = ("bytes_total", "bytes_read", "records", "rows", "files_total", "files_done", "percent", "eta_seconds", "rejects")
        BYTES_TOTAL_FIELD_NUMBER: _ClassVar[int]
        BYTES_READ_FIELD_NUMBER: _ClassVar[int]
        RECORDS_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        FILES_TOTAL_FIELD_NUMBER: _ClassVar[int]
        FILES_DONE_FIELD_NUMBER: _ClassVar[int]
        PERCENT_FIELD_NUMBER: _ClassVar[int]
        ETA_SECONDS_FIELD_NUMBER: _ClassVar[int]
        REJECTS_FIELD_NUMBER: _ClassVar[int]
        bytes_total: int
        bytes_read: int
        records: int
        rows: int
        files_total: int
        files_done: int
        percent: float
        eta_seconds: float
        rejects: int
        def __init__(self, bytes_total: _Optional[int] = ..., bytes_read: _Optional[int] = ..., records: _Optional[int] = ..., rows: _Optional[int] = ..., files_total: _Optional[int] = ..., files_done: _Optional[int] = ..., percent: _Optional[float] = ..., eta_seconds: _Optional[float] = ..., rejects: _Optional[int] = ...) -> None: ...
    class Part(_message.Message):
        __slots__ = ("file_name", "rows", "bytes")
        FILE_NAME_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        BYTES_FIELD_NUMBER: _ClassVar[int]
        file_name: str
        rows: int
        bytes: int
        def __init__(self, file_name: _Optional[str] = ..., rows: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...
    class Table(_message.Message):
        __slots__ = ("name", "rows", "parts")
        NAME_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        PARTS_FIELD_NUMBER: _ClassVar[int]
        name: str
        rows: int
        parts: _containers.RepeatedCompositeFieldContainer[Job.Part]
        def __init__(self, name: _Optional[str] = ..., rows: _Optional[int] = ..., parts: _Optional[_Iterable[_Union[Job.Part, _Mapping]]] = ...) -> None: ...
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    MSG_FIELD_NUMBER: _ClassVar[int]
    JOB_START_TIME_FIELD_NUMBER: _ClassVar[int]
    JOB_END_TIME_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FILE_NAMES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    MERGE_FIELD_NUMBER: _ClassVar[int]
    CSV_PROFILE_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    SUBMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIR_FIELD_NUMBER: _ClassVar[int]
    TABLES_FIELD_NUMBER: _ClassVar[int]
    TABLES_TOTAL_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    status: Job.Status
    msg: str
    job_start_time: int
    job_end_time: int
    phase: Job.Phase
    reason: str
    revision: int
    progress: Job.Progress
    file_names: _containers.RepeatedScalarFieldContainer[str]
    output_file_name: str
    merge: bool
    csv_profile: CsvProfile
    layout: RecordLayout
    engine: str
    submit_time: int
    output_dir: str
    tables: _containers.RepeatedCompositeFieldContainer[Job.Table]
    tables_total: int
    formats: _containers.RepeatedScalarFieldContainer[OutputFormat]
    checksums: bool
    def __init__(self, job_id: _Optional[str] = ..., status: _Optional[_Union[Job.Status, str]] = ..., msg: _Optional[str] = ..., job_start_time: _Optional[int] = ..., job_end_time: _Optional[int] = ..., phase: _Optional[_Union[Job.Phase, str]] = ..., reason: _Optional[str] = ..., revision: _Optional[int] = ..., progress: _Optional[_Union[Job.Progress, _Mapping]] = ..., file_names: _Optional[_Iterable[str]] = ..., output_file_name: _Optional[str] = ..., merge: bool = ..., csv_profile: _Optional[_Union[CsvProfile, str]] = ..., layout: _Optional[_Union[RecordLayout, str]] = ..., engine: _Optional[str] = ..., submit_time: _Optional[int] = ..., output_dir: _Optional[str] = ..., tables: _Optional[_Iterable[_Union[Job.Table, _Mapping]]] = ..., tables_total: _Optional[int] = ..., formats: _Optional[_Iterable[_Union[OutputFormat, str]]] = ..., checksums: bool = ...) -> None: ...

class ShoppingSummary(_message.Message):
    __slots__ = ("months", "categories", "year_months", "order_lines", "undated_lines", "foreign_lines", "owner_field")
    class CategoriesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _struct_pb2.ListValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.ListValue, _Mapping]] = ...) -> None: ...
    MONTHS_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    YEAR_MONTHS_FIELD_NUMBER: _ClassVar[int]
    ORDER_LINES_FIELD_NUMBER: _ClassVar[int]
    UNDATED_LINES_FIELD_NUMBER: _ClassVar[int]
    FOREIGN_LINES_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_FIELD_NUMBER: _ClassVar[int]
    months: _containers.RepeatedScalarFieldContainer[str]
    categories: _containers.MessageMap[str, _struct_pb2.ListValue]
    year_months: _containers.RepeatedScalarFieldContainer[str]
    order_lines: int
    undated_lines: int
    foreign_lines: int
    owner_field: str
    def __init__(self, months: _Optional[_Iterable[str]] = ..., categories: _Optional[_Mapping[str, _struct_pb2.ListValue]] = ..., year_months: _Optional[_Iterable[str]] = ..., order_lines: _Optional[int] = ..., undated_lines: _Optional[int] = ..., foreign_lines: _Optional[int] = ..., owner_field: _Optional[str] = ...) -> None: ...

class PreprocessShoppingRequest(_message.Message):
    __slots__ = ("user_id", "proposal_id", "file_name", "aes256cbckey", "iv", "layout", "record_path", "id_field", "encoding")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_ID_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    AES256CBCKEY_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    RECORD_PATH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    proposal_id: str
    file_name: str
    aes256cbckey: str
    iv: str
    layout: RecordLayout
    record_path: str
    id_field: str
    encoding: str
    def __init__(self, user_id: _Optional[str] = ..., proposal_id: _Optional[str] = ..., file_name: _Optional[str] = ..., aes256cbckey: _Optional[str] = ..., iv: _Optional[str] = ..., layout: _Optional[_Union[RecordLayout, str]] = ..., record_path: _Optional[str] = ..., id_field: _Optional[str] = ..., encoding: _Optional[str] = ...) -> None: ...

class PreprocessShoppingResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: ShoppingSummary
    def __init__(self, data: _Optional[_Union[ShoppingSummary, _Mapping]] = ...) -> None: ...

class ConvertToCsvRequest(_message.Message):
    __slots__ = ("file_names", "output_file_name", "merge", "aes256cbckey", "iv", "request_id", "csv_profile", "layout", "record_path", "id_field", "overwrite", "formats", "checksums", "include", "exclude", "maps", "masking", "max_rejects", "preset", "encoding")
    FILE_NAMES_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    MERGE_FIELD_NUMBER: _ClassVar[int]
    AES256CBCKEY_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CSV_PROFILE_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    RECORD_PATH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    CHECKSUMS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_FIELD_NUMBER: _ClassVar[int]
    MAPS_FIELD_NUMBER: _ClassVar[int]
    MASKING_FIELD_NUMBER: _ClassVar[int]
    MAX_REJECTS_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    file_names: _containers.RepeatedScalarFieldContainer[str]
    output_file_name: str
    merge: bool
    aes256cbckey: str
    iv: str
    request_id: str
    csv_profile: CsvProfile
    layout: RecordLayout
    record_path: str
    id_field: str
    overwrite: bool
    formats: _containers.RepeatedScalarFieldContainer[OutputFormat]
    checksums: bool
    include: _containers.RepeatedScalarFieldContainer[str]
    exclude: _containers.RepeatedScalarFieldContainer[str]
    maps: _containers.RepeatedScalarFieldContainer[str]
    masking: Masking
    max_rejects: int
    preset: str
    encoding: str
    def __init__(self, file_names: _Optional[_Iterable[str]] = ..., output_file_name: _Optional[str] = ..., merge: bool = ..., aes256cbckey: _Optional[str] = ..., iv: _Optional[str] = ..., request_id: _Optional[str] = ..., csv_profile: _Optional[_Union[CsvProfile, str]] = ..., layout: _Optional[_Union[RecordLayout, str]] = ..., record_path: _Optional[str] = ..., id_field: _Optional[str] = ..., overwrite: bool = ..., formats: _Optional[_Iterable[_Union[OutputFormat, str]]] = ..., checksums: bool = ..., include: _Optional[_Iterable[str]] = ..., exclude: _Optional[_Iterable[str]] = ..., maps: _Optional[_Iterable[str]] = ..., masking: _Optional[_Union[Masking, _Mapping]] = ..., max_rejects: _Optional[int] = ..., preset: _Optional[str] = ..., encoding: _Optional[str] = ...) -> None: ...

class ConvertToCsvResponse(_message.Message):
    __slots__ = ("data",)
    class Data(_message.Message):
        __slots__ = ("job_id",)
        JOB_ID_FIELD_NUMBER: _ClassVar[int]
        job_id: str
        def __init__(self, job_id: _Optional[str] = ...) -> None: ...
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: ConvertToCsvResponse.Data
    def __init__(self, data: _Optional[_Union[ConvertToCsvResponse.Data, _Mapping]] = ...) -> None: ...

class GetJobStatusRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class GetJobStatusResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class WatchJobRequest(_message.Message):
    __slots__ = ("job_id", "from_revision")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_REVISION_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    from_revision: int
    def __init__(self, job_id: _Optional[str] = ..., from_revision: _Optional[int] = ...) -> None: ...

class WatchJobResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class WatchJobsRequest(_message.Message):
    __slots__ = ("status", "from_revision", "ended_limit")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    FROM_REVISION_FIELD_NUMBER: _ClassVar[int]
    ENDED_LIMIT_FIELD_NUMBER: _ClassVar[int]
    status: _containers.RepeatedScalarFieldContainer[Job.Status]
    from_revision: int
    ended_limit: int
    def __init__(self, status: _Optional[_Iterable[_Union[Job.Status, str]]] = ..., from_revision: _Optional[int] = ..., ended_limit: _Optional[int] = ...) -> None: ...

class WatchJobsResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = ("status", "page_size", "page_token")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    status: _containers.RepeatedScalarFieldContainer[Job.Status]
    page_size: int
    page_token: str
    def __init__(self, status: _Optional[_Iterable[_Union[Job.Status, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ("data", "next_page_token")
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[Job]
    next_page_token: str
    def __init__(self, data: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ResumeJobRequest(_message.Message):
    __slots__ = ("job_id", "aes256cbckey", "iv", "masking_key")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    AES256CBCKEY_FIELD_NUMBER: _ClassVar[int]
    IV_FIELD_NUMBER: _ClassVar[int]
    MASKING_KEY_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    aes256cbckey: str
    iv: str
    masking_key: str
    def __init__(self, job_id: _Optional[str] = ..., aes256cbckey: _Optional[str] = ..., iv: _Optional[str] = ..., masking_key: _Optional[str] = ...) -> None: ...

class ResumeJobResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class DeleteJobRequest(_message.Message):
    __slots__ = ("job_id",)
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    def __init__(self, job_id: _Optional[str] = ...) -> None: ...

class DeleteJobResponse(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: Job
    def __init__(self, data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ListTablesRequest(_message.Message):
    __slots__ = ("job_id", "page_size", "page_token")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    page_size: int
    page_token: str
    def __init__(self, job_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTablesResponse(_message.Message):
    __slots__ = ("data", "next_page_token")
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    data: _containers.RepeatedCompositeFieldContainer[Job.Table]
    next_page_token: str
    def __init__(self, data: _Optional[_Iterable[_Union[Job.Table, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
