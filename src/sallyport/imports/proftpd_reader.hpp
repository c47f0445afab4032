#pragma once
// Reads proftpd.conf: directives, sections, quotation marks, continued lines and Include. Pure functions on values, except
// for `include`, which the caller owns and which may read files; any thread.
//
// Nothing is interpreted here but what decides which lines count: a section <IfModule> is replaced by its lines, as if all
// modules were loaded. A text that ProFTPD itself would refuse is an error with file and line.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_file.hpp>

namespace sallyport::imports {

/// A directive with its arguments, or the line that opens a section: its name is then "<Limit>".
struct proftpd_line {
    std::string file{};
    std::size_t line = 0;
    std::string name{};
    std::vector<std::string> words{};

    /// Its arguments with blanks between them.
    [[nodiscard]] std::string value() const;
    /// The names of directives and sections are compared without case.
    [[nodiscard]] bool is(std::string_view other) const noexcept;
};

struct proftpd_section {
    proftpd_line opening{};
    std::vector<proftpd_line> lines{};
    std::vector<proftpd_section> sections{};

    /// The first line of that name, which is the one that counts; or nullptr.
    [[nodiscard]] const proftpd_line* first(std::string_view name) const noexcept;
};

/// The error of a file that this line names.
[[nodiscard]] error with_place(const proftpd_line& line, const error& why);
/// An error of the line itself.
[[nodiscard]] std::unexpected<error> refuse_line(const proftpd_line& line, std::string_view what);

/// The whole configuration as a section without an opening line.
[[nodiscard]] result<proftpd_section> read_proftpd_conf(const import_file& file, const import_include& include);

}  // namespace sallyport::imports
