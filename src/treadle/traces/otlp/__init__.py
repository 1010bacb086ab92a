"""OpenTelemetry's wire: bytes in, raw spans out, whatever they mean."""
