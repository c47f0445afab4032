#pragma once
// Which differences between another server and 'sallyport serve' the documentation of its import declares
// (docs/from-vsftpd.md, docs/from-proftpd.md, docs/from-pure-ftpd.md), and why. Pure function; any thread.

#include <cstdint>
#include <string_view>

#include <sallyport/cli/server_probes.hpp>

namespace sallyport::cli {

enum class replaced_server : std::uint8_t { unknown, vsftpd, proftpd, pure_ftpd };

/// The reason, or empty. For a server that is unknown, nothing is declared.
[[nodiscard]] std::string_view declared_reason(replaced_server old, const probe_difference& difference);

}  // namespace sallyport::cli
