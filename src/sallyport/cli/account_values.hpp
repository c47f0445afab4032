#pragma once
// The values of an account's keys: parsers from TOML. Pure functions; any thread. An error has the cause and the next step;
// the caller adds file, line and key.

#include <cstdint>
#include <string>
#include <vector>

#include <toml++/toml.h>

#include <sallyport/base/address.hpp>
#include <sallyport/base/error.hpp>
#include <sallyport/server/account.hpp>

namespace sallyport::cli {

[[nodiscard]] result<std::string> account_text(const toml::node& value);
[[nodiscard]] result<bool> account_switch(const toml::node& value);
/// A number, or a text with a unit: 10, "10M".
[[nodiscard]] result<std::uint64_t> account_count(const toml::node& value, bool units);
/// ["list", "read"]
[[nodiscard]] result<server::right_set> account_rights(const toml::node& value);
/// A table with a path of the home in each key.
[[nodiscard]] result<std::vector<server::path_rights>> account_paths(const toml::node& value);
/// Wildcards of names.
[[nodiscard]] result<std::vector<std::string>> account_patterns(const toml::node& value);
/// ["cn:NAME", "email:ADDRESS", "dns:HOST", "sha256:AB:CD:..."]
[[nodiscard]] result<std::vector<std::string>> account_certificates(const toml::node& value);
[[nodiscard]] result<std::vector<ip_network>> account_networks(const toml::node& value);
/// ["mon-fri 08:00-18:00"]
[[nodiscard]] result<std::vector<server::login_hours>> account_hours(const toml::node& value);
/// A date: the first second of it in UTC.
[[nodiscard]] result<std::int64_t> account_expiry(const toml::node& value);
/// "0640". `needed`: the bits of the owner that it must contain.
[[nodiscard]] result<std::uint32_t> account_mode(const toml::node& value, std::uint32_t needed);

}  // namespace sallyport::cli
