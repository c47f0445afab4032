#pragma once
// What becomes of the configuration of another server: the configuration file for 'sallyport serve', and a report with one
// line for each setting of the source and for each of its defaults that has an effect here, so that nothing is lost without
// a word. Values and pure functions; any thread.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>

namespace sallyport::imports {

enum class import_outcome : std::uint8_t {
    // The result means the same.
    taken,
    // The nearest equivalent, or something that is always so here.
    nearest,
    // Without effect on what clients may do.
    dropped,
    // Dropped, and the result permits more than the source did.
    less_safe,
};

struct imported_setting {
    // 0: not in the source, a default of the program.
    std::size_t line = 0;
    std::string key;
    std::string value;
    import_outcome outcome = import_outcome::dropped;
    // What it has become, or why it was dropped.
    std::string text;
    // Empty: the file that the user has named.
    std::string file{};
};

/// The sections [user.NAME] for lines of htpasswd, /etc/shadow, ftpasswd or pure-pw.
struct account_sections_text {
    std::string toml{};
    std::vector<std::string> report{};
    bool has_losses = false;
};

/// Lines of the configuration file.
struct configuration_parts {
    // Outside of sections.
    std::string_view top;
    // Of [default].
    std::string_view usual;
    // The section [anonymous]; empty if there is none.
    std::string_view anonymous;
};

struct import_result {
    std::vector<imported_setting> settings{};
    // The configuration file.
    std::string toml{};
    // One line for each account, escaped.
    std::vector<std::string> accounts{};
    // What the numbers of the settings count: lines, or words of a command line.
    std::string_view unit = "line";
    // An account was left out because of its hash, or may do more than before.
    bool has_account_losses = false;

    /// Writes the configuration file, and takes over the accounts.
    void complete(const configuration_parts& parts, account_sections_text users);
    [[nodiscard]] bool is_less_safe() const noexcept;
    /// One line for each setting and each account. `program`: the source's, "vsftpd". `between`: what separates a name and
    /// its value in the source.
    [[nodiscard]] std::string report(std::string_view program, std::string_view file, char between = '=') const;
};

/// What the importer of one program adds to an account, or why it leaves the account out.
struct account_addition {
    std::string left_out{};
    // What the account may do without it; empty: nothing.
    std::string lost{};
    // Lines of its section.
    std::string settings{};
};

/// `settings`: lines of TOML that the account's own line has become.
using account_rule = std::function<account_addition(const std::string& name, std::string_view settings)>;

/// An error has the number of its line.
[[nodiscard]] result<account_sections_text> make_account_sections(std::string_view lines, const account_rule& rule);

/// A TOML string.
[[nodiscard]] std::string toml_text(std::string_view text);
/// A TOML list of strings.
[[nodiscard]] std::string toml_list(const std::vector<std::string>& texts);
/// The text with `by` in each place of `what`, which is not empty.
[[nodiscard]] std::string with_replaced(std::string text, std::string_view what, std::string_view by);
/// The bits of a umask: "0222".
[[nodiscard]] std::optional<unsigned> parse_umask(std::string_view text);
/// file-mode and directory-mode after the masks of a umask. A server must be able to use what it has stored, so the bits
/// of the owner stay. `open`: bits that a directory gets in any case.
[[nodiscard]] std::string mode_lines(unsigned file_mask, unsigned directory_mask, unsigned file_mode = 0666,
                                     unsigned open = 0700);

}  // namespace sallyport::imports
