"""XLSX (docs/spec.md 3.14): a set's rows as workbooks, which the compiled core writes."""
