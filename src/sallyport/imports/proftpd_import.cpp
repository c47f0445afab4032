#include <sallyport/imports/proftpd_import.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include <sallyport/imports/proftpd_accounts.hpp>
#include <sallyport/imports/proftpd_settings.hpp>
#include <sallyport/imports/proftpd_source.hpp>

namespace sallyport::imports {
namespace {

/// The file that a directive names, or nothing.
result<std::string> named_file(const proftpd_source& source, std::string_view directive, const import_sources& files) {
    const auto* const line = source.first(directive);
    if (line == nullptr || line->words.empty()) return std::string();
    auto text = files.read(line->words.front());
    if (!text) return std::unexpected(with_place(*line, text.error()));
    return text;
}

result<import_result> made_of(proftpd_source& source, const proftpd_input& input, const import_sources& files) {
    auto users = input.users ? result<std::string>(*input.users) : named_file(source, "AuthUserFile", files);
    if (!users) return std::unexpected(std::move(users.error()));
    const auto groups = named_file(source, "AuthGroupFile", files);
    if (!groups) return std::unexpected(groups.error());
    const auto top = proftpd_server_settings(source);
    if (!top) return std::unexpected(top.error());
    proftpd_accounts accounts(source, std::move(*users), *groups,
                              {.shells = names_in_file(files.read, "/etc/shells"),
                               .refused = names_in_file(files.read, "/etc/ftpusers").value_or(file_names())});
    const bool has_file = input.users || source.first("AuthUserFile") != nullptr;
    const auto system = has_file ? std::string() : accounts.system_users();
    const auto usual = accounts.default_settings();
    if (!usual) return std::unexpected(usual.error());
    auto sections = accounts.sections();
    if (!sections) {
        const auto* const line = source.first("AuthUserFile");
        const auto where = input.users || line == nullptr ? std::string("--users") : line->value();
        return fail(errc::usage, fmt::format("{}, {}", where, sections.error().what));
    }
    const auto open = accounts.anonymous();
    if (!open) return std::unexpected(open.error());
    accounts.note_rights();
    source.note_others();
    import_result out{.settings = source.take_notes()};
    out.complete({.top = *top + system, .usual = *usual, .anonymous = *open}, std::move(*sections));
    return out;
}

}  // namespace

result<import_result> import_proftpd(const proftpd_input& input, const import_sources& files) {
    auto whole = read_proftpd_conf(input.file, files.include);
    if (!whole) return std::unexpected(std::move(whole.error()));
    auto source = proftpd_source::choose(std::move(*whole), input.virtual_host);
    if (!source) return std::unexpected(std::move(source.error()));
    auto out = made_of(*source, input, files);
    if (!out) return out;
    // The defaults, then the file that the user has named, then those that it includes.
    const auto place = [&input](const imported_setting& s) {
        return std::tuple(s.line != 0, s.file != input.file.path, std::string_view(s.file), s.line);
    };
    std::ranges::stable_sort(out->settings, [&place](const auto& a, const auto& b) { return place(a) < place(b); });
    return out;
}

}  // namespace sallyport::imports
