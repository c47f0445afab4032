#pragma once
// A file of the configuration that an importer reads, and how it gets those that this file names, or that the program reads
// besides. Values, and a function that the caller owns and which may read files; an error of it has the path. Any thread.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::imports {

struct import_file {
    std::string path;
    std::string text;
};

/// The text of a file.
using import_file_reader = std::function<result<std::string>(const std::string& path)>;

/// The file, all that a pattern matches, or all in a directory, in their order; an error if one of them cannot be read.
using import_include = std::function<result<std::vector<import_file>>(const std::string& path)>;

/// What an importer reads besides the configuration that the user has named.
struct import_sources {
    import_include include;
    import_file_reader read;
};

using file_names = std::set<std::string, std::less<>>;

/// The names in a text that has one on each line, such as /etc/ftpusers and /etc/shells; '#' begins a comment.
[[nodiscard]] file_names names_in(std::string_view text);
/// Those of the file; nothing if there is none that can be read.
[[nodiscard]] std::optional<file_names> names_in_file(const import_file_reader& read, const std::string& path);

}  // namespace sallyport::imports
