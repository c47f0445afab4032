#pragma once
// Translates the options of Pure-FTPd 1.0 into the configuration of 'sallyport serve'. Pure functions on values; any thread.

#include <string>
#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/pure_ftpd_reader.hpp>

namespace sallyport::imports {

/// `users`: lines of pure-pw, or of htpasswd, ftpasswd or /etc/shadow; locked accounts are left out.
[[nodiscard]] result<import_result> import_pure_ftpd(const pure_options& options, std::string_view users);

}  // namespace sallyport::imports
