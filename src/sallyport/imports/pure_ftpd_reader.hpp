#pragma once
// Reads the options of Pure-FTPd in its three forms: a configuration file, a command line, and Debian's directory with a
// file for each option. Pure functions on values, except for `read`, which the caller owns and which may read files; any
// thread.
//
// All forms give the names of the configuration file. What Pure-FTPd itself would refuse is an error with file and line.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>

namespace sallyport::imports {

struct pure_option {
    // Empty: the command line.
    std::string file{};
    // Of the file, or the number of the word.
    std::size_t line = 0;
    std::string name{};
    // "yes" or "no" for a switch. Parts of a value have ':' between them.
    std::string value{};
};

using pure_options = std::vector<pure_option>;

/// An error of this option, with its place in the source.
[[nodiscard]] std::unexpected<error> refuse_option(const pure_option& at, std::string_view what);

/// `read`: for the file that an Include names.
[[nodiscard]] result<pure_options> read_pure_ftpd_conf(const import_file& file, const import_file_reader& read);
/// "-A -E --tls=1"; quotation marks keep blanks in a word.
[[nodiscard]] result<pure_options> read_pure_ftpd_words(std::string_view words);
/// The name of each file is that of the option.
[[nodiscard]] result<pure_options> read_pure_ftpd_directory(const std::vector<import_file>& files);

}  // namespace sallyport::imports
