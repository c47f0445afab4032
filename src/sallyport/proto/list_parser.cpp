#include <sallyport/proto/list_parser.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <sallyport/base/ascii.hpp>
#include <sallyport/proto/list_forms.hpp>

namespace sallyport::proto {

namespace list_form {

namespace {

/// Formats with a unique first character or word come first.
constexpr std::array<recognizer, 8> forms{read_eplf, read_unix, read_netware, read_dos,
                                          read_os2,  read_vms,  read_mvs,     read_os400};

/// "total 12", "insgesamt 12K", "合計 12": the first line of ls in any language.
bool is_total(std::string_view line, const list_state& state) {
    if (state.lines != 1) return false;
    const columns word(line);
    auto number = word[1];
    if (!number.empty() && is_alpha(number.back())) number.remove_suffix(1);
    return word.count == 2 && std::ranges::none_of(word[0], is_digit) && grouped_number(number).has_value();
}

verdict read_any(std::string_view line, list_state& state, entry& into) {
    for (const auto form : forms) {
        into = entry{};
        if (const auto said = form(line, state, into); said != verdict::unknown) return said;
    }
    return is_total(line, state) ? verdict::heading : verdict::unknown;
}

}  // namespace

columns::columns(std::string_view line) noexcept {
    words rest(line);
    for (auto word = rest.next(); !word.empty(); word = rest.next()) {
        if (count == max_words) {
            too_many = true;
            return;
        }
        at[count++] = word;
    }
}

}  // namespace list_form

std::optional<entry> list_parser::read(std::string_view line) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return std::nullopt;
    ++state_.lines;
    entry out;
    if (!state_.pending_name.empty()) {
        const std::string name = std::exchange(state_.pending_name, {});
        if (list_form::complete_vms(name, line, state_, out)) return out;
        note_unrecognized(name);
    }
    const auto said = list_form::read_any(line, state_, out);
    if (said == list_form::verdict::unknown) note_unrecognized(line);
    if (said != list_form::verdict::entry) return std::nullopt;
    return out;
}

void list_parser::finish() {
    if (!state_.pending_name.empty()) note_unrecognized(std::exchange(state_.pending_name, {}));
}

void list_parser::note_unrecognized(std::string_view line) {
    constexpr std::size_t sample = 200;
    if (unrecognized_++ == 0) first_unrecognized_ = line.substr(0, sample);
}

std::optional<entry> parse_list_line(std::string_view line, std::int64_t now) { return list_parser(now).read(line); }

}  // namespace sallyport::proto
