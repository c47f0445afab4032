#pragma once
// The reports about a server on this host, and about the sessions of a server's log. Texts of others are escaped. Pure
// functions on values; any thread.

#include <string>
#include <vector>

#include <sallyport/diagnosis/log_rules.hpp>
#include <sallyport/diagnosis/server_facts.hpp>
#include <sallyport/diagnosis/verdict.hpp>

namespace sallyport::diagnosis {

[[nodiscard]] std::string report_text(const server_facts& known, const std::vector<verdict>& found);
/// Schema 1, without phases, methods and path. The result is "healthy" or "impaired".
[[nodiscard]] std::string report_json(const server_facts& known, const std::vector<verdict>& found);

/// `source` is the name of the file.
[[nodiscard]] std::string report_text(const log_summary& log, std::string_view source);
[[nodiscard]] std::string report_json(const log_summary& log);

}  // namespace sallyport::diagnosis
