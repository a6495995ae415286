//! XLSX workbooks (docs/spec.md 3.14): rows of a table become a sheet as they come from the disk.
//!
//! [`rows`] reads them, [`workbook`] writes what a sheet makes of them straight into the zip file:
//! there is no sheet in memory, and none beside the workbook. All else that a workbook consists of
//! is given to it as it is.

mod cells;
mod numbers;
pub mod rows;
mod sheet;
mod text;
mod widths;
pub mod workbook;
