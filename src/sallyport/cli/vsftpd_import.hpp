#pragma once
// Translates the configuration of vsftpd 3.0 into that of 'sallyport serve'. Pure functions on values; any thread.
//
// A source that vsftpd itself would refuse is an error.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/cli/import_report.hpp>

namespace sallyport::cli {

/// `users`: lines of htpasswd, /etc/shadow, ftpasswd or pure-pw; locked accounts are left out.
[[nodiscard]] result<import_result> import_vsftpd(std::string_view text, std::string_view users);

}  // namespace sallyport::cli
