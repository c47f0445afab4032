#pragma once
// Translates the configuration of ProFTPD 1.3 into that of 'sallyport serve'. Pure functions on values, except for the
// reading of files, which the caller owns; any thread.
//
// One server of the source becomes one configuration. Its users keep their hashes, and <Limit> and <Directory> become their
// rights. A source that ProFTPD itself would refuse is an error.

#include <optional>
#include <string>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/proftpd_reader.hpp>

namespace sallyport::imports {

struct proftpd_input {
    import_file file;
    // Of a <VirtualHost>; empty: the server outside them.
    std::string virtual_host{};
    // Accounts in place of those of AuthUserFile.
    std::optional<std::string> users{};
};

[[nodiscard]] result<import_result> import_proftpd(const proftpd_input& input, const import_sources& files);

}  // namespace sallyport::imports
