#include <sallyport/imports/pure_ftpd_reader.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/closest.hpp>
#include <sallyport/base/escape.hpp>
#include <sallyport/imports/pure_ftpd_settings.hpp>

namespace sallyport::imports {
namespace {

constexpr std::size_t max_includes = 16;
constexpr std::string_view pure_blanks = " \t\r";

std::string pure_place(const pure_option& at) {
    return at.file.empty() ? fmt::format("word {}", at.line) : fmt::format("{}, line {}", at.file, at.line);
}

std::string_view trimmed(std::string_view text) {
    const auto start = text.find_first_not_of(pure_blanks);
    if (start == text.npos) return {};
    return text.substr(start, text.find_last_not_of(pure_blanks) + 1 - start);
}

/// Checks name and value, and makes them those of the configuration file.
result<void> complete(pure_option& of, const pure_ftpd_setting* known) {
    if (known == nullptr) {
        std::vector<std::string> names;
        for (const auto& s : pure_ftpd_settings) names.emplace_back(of.file.empty() ? s.long_name : s.name);
        return refuse_option(of, fmt::format("unknown option '{}'{}", escape(of.name, 100),
                                             did_you_mean(of.name, names, "see pure-ftpd(8)")));
    }
    of.name = known->name;
    std::ranges::replace(of.value, '\t', ' ');
    if (std::ranges::any_of(of.value, is_control)) return refuse_option(of, "control characters in a value; remove them");
    if (known->form == pure_value::text) {
        if (of.value.empty()) return refuse_option(of, fmt::format("{} needs a value", of.name));
        // "10000 8" of a file is "10000:8" on a command line.
        const bool has_parts = std::ranges::all_of(of.value, [](char c) { return is_digit(c) || c == ' ' || c == ':'; });
        if (has_parts) {
            std::string parts;
            for (const char c : of.value) {
                // ":2000" has an empty first part.
                const char next = c == ' ' ? ':' : c;
                if (next != ':' || !parts.ends_with(':')) parts += next;
            }
            of.value = std::move(parts);
        }
        return {};
    }
    const auto value = to_lower(of.value);
    static constexpr auto on = std::to_array<std::string_view>({"yes", "on", "1", "true", "enabled"});
    static constexpr auto off = std::to_array<std::string_view>({"no", "off", "0", "false", "disabled"});
    const bool is_on = std::ranges::find(on, value) != on.end();
    if (!is_on && std::ranges::find(off, value) == off.end())
        return refuse_option(of, fmt::format("{} needs yes or no", of.name));
    of.value = is_on ? "yes" : "no";
    return {};
}

const pure_ftpd_setting* find_by_name(std::string_view name) {
    const auto* const found =
        std::ranges::find_if(pure_ftpd_settings, [name](const auto& s) { return iequals(s.name, name); });
    return found == pure_ftpd_settings.end() ? nullptr : found;
}

/// A long option may be shortened, as for getopt_long.
const pure_ftpd_setting* find_by_long_name(std::string_view name) {
    const pure_ftpd_setting* out = nullptr;
    for (const auto& s : pure_ftpd_settings) {
        if (s.long_name.empty() || !s.long_name.starts_with(name)) continue;
        if (s.long_name == name) return &s;
        if (out != nullptr) return nullptr;
        out = &s;
    }
    return out;
}

const pure_ftpd_setting* find_by_letter(char letter) {
    const auto* const found = std::ranges::find(pure_ftpd_settings, letter, &pure_ftpd_setting::letter);
    return letter == '\0' || found == pure_ftpd_settings.end() ? nullptr : found;
}

std::string_view unquoted(std::string_view text) {
    if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
    return text;
}

/// The lines that are neither empty nor comments, with their numbers.
std::vector<std::pair<std::size_t, std::string_view>> lines_of(std::string_view text) {
    std::vector<std::pair<std::size_t, std::string_view>> out;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view row = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), row.size() + 1));
        if (const auto line = trimmed(row); !line.empty() && !line.starts_with('#')) out.emplace_back(number, line);
    }
    return out;
}

result<void> read_conf(pure_options& into, const import_file& file, const import_file_reader& read, std::size_t depth) {
    for (const auto& [number, line] : lines_of(file.text)) {
        const auto end = std::min(line.find_first_of(pure_blanks), line.size());
        pure_option made{.file = file.path,
                         .line = number,
                         .name = std::string(line.substr(0, end)),
                         .value = std::string(unquoted(trimmed(line.substr(end))))};
        if (auto done = complete(made, find_by_name(made.name)); !done) return done;
        const bool includes = made.name == "Include";
        if (includes && depth == max_includes) return refuse_option(made, "files include each other too deeply");
        into.push_back(made);
        if (!includes) continue;
        auto inner = read(made.value);
        if (!inner) {
            const auto& why = inner.error();
            return std::unexpected(error{why.code, why.os, fmt::format("{}: {}", pure_place(made), why.what)});
        }
        if (auto done = read_conf(into, {made.value, std::move(*inner)}, read, depth + 1); !done) return done;
    }
    return {};
}

/// The words of a command line, with what is in quotation marks in one word.
std::vector<std::string> command_words(std::string_view text) {
    std::vector<std::string> out;
    bool in_word = false;
    char quote = '\0';
    for (const char c : text) {
        if (quote != '\0') {
            if (c == quote)
                quote = '\0';
            else
                out.back() += c;
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            in_word = false;
            continue;
        }
        if (!in_word) out.emplace_back();
        in_word = true;
        if (c == '"' || c == '\'')
            quote = c;
        else
            out.back() += c;
    }
    return out;
}

class pure_word_reader {
public:
    explicit pure_word_reader(std::vector<std::string> words) : words_(std::move(words)) {}

    result<pure_options> run() {
        // The program itself.
        if (!words_.empty() && (words_.front() == "pure-ftpd" || words_.front().ends_with("/pure-ftpd"))) ++at_;
        for (; at_ < words_.size(); ++at_) {
            const std::string word = words_[at_];
            auto done = word.starts_with("--") ? long_option(word.substr(2))
                        : word.size() > 1 && word.starts_with('-')
                            ? letters(word.substr(1))
                            : result<void>(refuse_option(pure_option{.file = {}, .line = at_ + 1}, "is no option"));
            if (!done) return std::unexpected(std::move(done.error()));
        }
        return std::move(out_);
    }

private:
    result<void> add(pure_option made, const pure_ftpd_setting* known, std::string_view given, bool has_value) {
        if (known != nullptr && known->form == pure_value::text) {
            if (has_value)
                made.value = given;
            else if (at_ + 1 < words_.size())
                made.value = words_[++at_];
        } else if (known != nullptr) {
            if (has_value) return refuse_option(made, fmt::format("--{} takes no value", made.name));
            made.value = "yes";
        }
        if (auto done = complete(made, known); !done) return done;
        out_.push_back(std::move(made));
        return {};
    }

    result<void> long_option(const std::string& word) {
        const auto equals = std::min(word.find('='), word.size());
        pure_option made{.file = {}, .line = at_ + 1, .name = word.substr(0, equals), .value = {}};
        const auto* const known = find_by_long_name(made.name);
        return add(std::move(made), known, equals == word.size() ? "" : std::string_view(word).substr(equals + 1),
                   equals != word.size());
    }

    /// "-AE", "-p40000:50000".
    result<void> letters(const std::string& word) {
        for (std::size_t i = 0; i < word.size(); ++i) {
            pure_option made{.file = {}, .line = at_ + 1, .name = fmt::format("-{}", word[i]), .value = {}};
            const auto* const known = find_by_letter(word[i]);
            const bool takes = known != nullptr && known->form == pure_value::text;
            const auto rest = word.substr(i + 1);
            if (auto done = add(std::move(made), known, takes ? rest : "", takes && !rest.empty()); !done) return done;
            if (takes) break;
        }
        return {};
    }

    std::vector<std::string> words_;
    std::size_t at_ = 0;
    pure_options out_;
};

}  // namespace

std::unexpected<error> refuse_option(const pure_option& at, std::string_view what) {
    return fail(errc::usage, fmt::format("{}: {}", pure_place(at), what));
}

result<pure_options> read_pure_ftpd_conf(const import_file& file, const import_file_reader& read) {
    pure_options out;
    if (auto done = read_conf(out, file, read, 0); !done) return std::unexpected(std::move(done.error()));
    return out;
}

result<pure_options> read_pure_ftpd_words(std::string_view words) { return pure_word_reader(command_words(words)).run(); }

result<pure_options> read_pure_ftpd_directory(const std::vector<import_file>& files) {
    pure_options out;
    for (const auto& file : files) {
        const auto slash = file.path.rfind('/');
        pure_option made{
            .file = file.path, .line = 0, .name = file.path.substr(slash == file.path.npos ? 0 : slash + 1), .value = {}};
        for (const auto& [number, line] : lines_of(file.text)) {
            if (made.line != 0) return refuse_option(made, "a file of this directory has one line; remove the others");
            made.line = number;
            made.value = unquoted(line);
        }
        made.line = std::max<std::size_t>(made.line, 1);
        if (auto done = complete(made, find_by_name(made.name)); !done) return std::unexpected(std::move(done.error()));
        out.push_back(std::move(made));
    }
    return out;
}

}  // namespace sallyport::imports
