#pragma once
// The state of a daemon in the text format of Prometheus, version 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats). A pure function; any thread.
//
// No label has a user or the address of a client. The names are documented (docs/operation.md) and stable.

#include <string>

#include <sallyport/status/status_json.hpp>

namespace sallyport::status {

/// `sessions` and `penalties` of the snapshot are not used.
[[nodiscard]] std::string metrics_text(const daemon_snapshot& daemon);

}  // namespace sallyport::status
