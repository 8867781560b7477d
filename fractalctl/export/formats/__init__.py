"""Built-in exporters, a module each with its ``EXPORTER``; `fractalctl.export.exporter` finds them."""
