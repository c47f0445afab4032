#pragma once
// Reads the options of Pure-FTPd in its three forms: a configuration file, a command line, and Debian's directory with a
// file for each option. Pure functions on values, except for `read`, which the caller owns and which may read files; any
// thread.
//
// All forms give the names of the configuration file. What Pure-FTPd itself would refuse is an error with file and line.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::cli {

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

struct pure_file {
    std::string path;
    std::string text;
};

/// The file that an Include names.
using pure_include = std::function<result<std::string>(const std::string& path)>;

[[nodiscard]] result<pure_options> read_pure_ftpd_conf(const pure_file& file, const pure_include& read);
/// "-A -E --tls=1"; quotation marks keep blanks in a word.
[[nodiscard]] result<pure_options> read_pure_ftpd_words(std::string_view words);
/// The name of each file is that of the option.
[[nodiscard]] result<pure_options> read_pure_ftpd_directory(const std::vector<pure_file>& files);

}  // namespace sallyport::cli
