#pragma once
// The lines of proftpd.conf that count for one of its servers, and what has become of each. A value that its importer owns;
// one thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/imports/import_report.hpp>
#include <sallyport/imports/proftpd_reader.hpp>

namespace sallyport::imports {

class proftpd_source {
public:
    /// `host`: of a <VirtualHost>; empty for the server outside them. An error if there is none of that name.
    [[nodiscard]] static result<proftpd_source> choose(proftpd_section whole, std::string_view host);

    /// The lines of the server, then those of <Global>.
    [[nodiscard]] const proftpd_section& server() const noexcept { return server_; }
    /// The first line of that name, which is the one that counts; or nullptr.
    [[nodiscard]] const proftpd_line* first(std::string_view name) const noexcept { return server_.first(name); }
    /// A switch (on, off).
    [[nodiscard]] bool is_on(std::string_view name, bool otherwise) const;
    /// A number, `none` for a limit that is not set; an error with file and line if it is neither.
    [[nodiscard]] result<std::uint64_t> count(std::string_view name, std::uint64_t otherwise, std::uint64_t none = 0) const;
    [[nodiscard]] result<std::uint64_t> seconds(std::string_view name, std::uint64_t otherwise) const;

    /// What has become of this line.
    void note(const proftpd_line& line, import_outcome what, std::string_view text);
    /// Of the first line of that name; the others have no effect. If there is none, of the default `otherwise`; without
    /// `otherwise`, nothing.
    void note_setting(std::string_view name, import_outcome what, std::string_view text,
                      std::optional<std::string_view> otherwise = std::nullopt);
    /// Of all lines of that name.
    void note_each(std::string_view name, import_outcome what, std::string_view text);
    /// Of the section and all that is in it.
    void note_section(const proftpd_section& section, import_outcome what, std::string_view text);
    /// Of every line that has none yet, by the table of directives.
    void note_others();

    [[nodiscard]] std::vector<imported_setting> take_notes();

private:
    [[nodiscard]] bool is_noted(const proftpd_line& line) const noexcept;
    void note_others_in(const proftpd_section& section, bool is_part);

    proftpd_section server_;
    std::vector<imported_setting> notes_;
    std::set<std::pair<std::string, std::size_t>> noted_;
};

/// "300", "5m", "00:05:00".
[[nodiscard]] std::optional<std::uint64_t> parse_seconds(std::string_view text);

}  // namespace sallyport::imports
