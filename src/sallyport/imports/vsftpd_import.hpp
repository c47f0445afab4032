#pragma once
// Translates the configuration of vsftpd 3.0 into that of 'sallyport serve'. Values, and functions that read
// files; any thread.
//
// A source that vsftpd itself would refuse is an error.

#include <string_view>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>
#include <sallyport/imports/import_report.hpp>

namespace sallyport::imports {

/// `users`: lines of htpasswd, /etc/shadow, ftpasswd or pure-pw, which replace the users of the system; locked accounts are
/// left out. The files of userlist_file and user_config_dir and /etc/ftpusers are read.
[[nodiscard]] result<import_result> import_vsftpd(const import_file& file, std::string_view users,
                                                  const import_sources& sources);

}  // namespace sallyport::imports
