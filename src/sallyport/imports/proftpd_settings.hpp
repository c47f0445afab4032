#pragma once
// The settings of 'sallyport serve' that proftpd.conf makes outside of accounts, and those that the server and a section
// <Anonymous> can both have. Functions on values that the caller owns; one thread.

#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/proftpd_source.hpp>

namespace sallyport::imports {

/// Listeners, TLS, addresses, ports and limits. Notes what has become of their lines; an error has file and line.
[[nodiscard]] result<std::string> proftpd_server_settings(proftpd_source& source);

/// TLSEngine is on, and TLSRequired demands it for one of the two connections at least.
[[nodiscard]] bool proftpd_requires_tls(const proftpd_source& source);

/// Modes of uploads, by the Umask of the section or else of the server: lines of [default] or [anonymous]. `open`: bits that
/// a directory gets in any case.
[[nodiscard]] result<std::string> proftpd_modes(proftpd_source& source, const proftpd_section& section, unsigned open);

/// Hidden and refused names, owners in listings, rates.
[[nodiscard]] result<std::string> proftpd_names_and_rates(proftpd_source& source, const proftpd_section& section);

/// The quotas of QuotaDefault.
[[nodiscard]] std::string proftpd_quotas(proftpd_source& source);

}  // namespace sallyport::imports
