#include <sallyport/imports/import_report.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/escape.hpp>
#include <sallyport/imports/user_import.hpp>

namespace sallyport::imports {
namespace {

constexpr auto outcome_texts = std::to_array<std::string_view>({"taken over", "nearest equivalent", "dropped", "LESS SAFE"});

}  // namespace

bool import_result::is_less_safe() const noexcept {
    return has_account_losses ||
           std::ranges::any_of(settings, [](const imported_setting& s) { return s.outcome == import_outcome::less_safe; });
}

void import_result::complete(const configuration_parts& parts, account_sections_text users) {
    toml = fmt::format("{}\n[default]\n{}{}{}{}", parts.top, parts.usual, parts.anonymous.empty() ? "" : "\n",
                       parts.anonymous, users.toml);
    accounts = std::move(users.report);
    has_account_losses = users.has_losses;
}

std::string import_result::report(std::string_view program, std::string_view file, char between) const {
    std::string out;
    for (const auto& s : settings) {
        const auto where = s.line == 0 ? fmt::format("default of {}", program)
                                       : fmt::format("{}, {} {}", escape(s.file.empty() ? file : s.file, 500), unit, s.line);
        const bool has_value = !s.value.empty() || between == '=';
        out += fmt::format("{}: {}{}{}: {}: {}\n", where, escape(s.key, 200), has_value ? std::string(1, between) : "",
                           escape(s.value, 200), outcome_texts.at(static_cast<std::size_t>(s.outcome)), escape(s.text, 500));
    }
    for (const auto& line : accounts) out += fmt::format("user {}\n", line);
    return out;
}

result<account_sections_text> make_account_sections(std::string_view lines, const account_rule& rule) {
    auto imported = import_users(lines);
    if (!imported) return std::unexpected(std::move(imported.error()));
    account_sections_text out{.toml = {}, .report = std::move(imported->report), .has_losses = imported->has_losses};
    for (const auto& user : imported->users) {
        const auto added = rule(user.name, user.settings);
        const auto start = escape(user.name, 100) + ": ";
        for (auto& line : out.report) {
            if (!line.starts_with(start + "taken over")) continue;
            if (!added.left_out.empty())
                line = start + "left out: " + added.left_out;
            else if (!added.lost.empty())
                line += "; LESS SAFE: " + added.lost;
        }
        if (!added.left_out.empty()) continue;
        out.has_losses = out.has_losses || !added.lost.empty();
        out.toml +=
            fmt::format("\n[user.{}]\npassword = {}\n{}{}{}", toml_text(user.name), toml_text(user.password), user.settings,
                        user.settings.empty() || user.settings.ends_with('\n') ? "" : "\n", added.settings);
    }
    return out;
}

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string toml_list(const std::vector<std::string>& texts) {
    std::vector<std::string> out;
    for (const auto& text : texts) out.push_back(toml_text(text));
    return fmt::format("[{}]", fmt::join(out, ", "));
}

std::string with_replaced(std::string text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != text.npos; at = text.find(what, at + by.size())) text.replace(at, what.size(), by);
    return text;
}

std::optional<unsigned> parse_umask(std::string_view text) {
    unsigned out = 0;
    const auto done = std::from_chars(text.data(), text.data() + text.size(), out, 8);
    if (text.empty() || done.ec != std::errc() || done.ptr != text.data() + text.size() || out > 0777) return std::nullopt;
    return out;
}

std::string mode_lines(unsigned file_mask, unsigned directory_mask, unsigned file_mode, unsigned open) {
    constexpr unsigned all = 0777;
    constexpr unsigned of_owner = 0600;
    return fmt::format("file-mode = \"{:04o}\"\ndirectory-mode = \"{:04o}\"\n", (file_mode & ~file_mask & all) | of_owner,
                       (all & ~directory_mask) | open);
}

}  // namespace sallyport::imports
