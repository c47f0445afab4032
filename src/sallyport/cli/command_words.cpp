#include <sallyport/cli/command_words.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace sallyport::cli {
namespace {

constexpr std::string_view word_blanks = " \t\r";
constexpr std::string_view pattern_characters = "*?[]\\";
/// They end a word, or have a meaning in it.
constexpr std::string_view special_characters = " \t\r\n;#!'\"\\*?[]";

/// Reads a text from its beginning to its end.
class splitter {
public:
    splitter(std::string_view text, bool is_line) : text_(text), is_line_(is_line) {}

    void run() {
        while (at_ < text_.size()) step();
    }

    [[nodiscard]] result<void> check() const {
        if (quote_) return fail(errc::usage, std::string("the quote ") + *quote_ + " is not closed; add it at the end");
        if (is_escaped_) return fail(errc::usage, "nothing follows the backslash at the end; remove it, or write it twice");
        return {};
    }
    /// The commands without the one at the end.
    std::vector<command_words> commands;
    command_words current;
    /// The word that has not ended.
    std::optional<command_word> open;

    [[nodiscard]] char quote() const { return quote_.value_or('\0'); }
    void finish_word() {
        if (open) current.push_back(std::move(*std::exchange(open, std::nullopt)));
    }
    void finish_command() {
        finish_word();
        if (!current.empty()) commands.push_back(std::exchange(current, {}));
    }

private:
    void step() {
        const char c = text_[at_];
        if (is_escaped_) {
            is_escaped_ = false;
            add(c, true);
        } else if (quote_) {
            step_in_quote(c);
        } else if (c == '\\') {
            begin();
            is_escaped_ = true;
        } else if (c == '\'' || c == '"') {
            begin();
            quote_ = c;
        } else if (word_blanks.contains(c) || c == '\n' || (is_line_ && c == ';')) {
            finish_word();
            if (is_line_ && !word_blanks.contains(c)) finish_command();
        } else if (is_line_ && !open && c == '#') {
            skip_to_end_of_line();
            return;
        } else if (is_line_ && !open && current.empty() && c == '!') {
            take_program();
            return;
        } else {
            add(c, false);
        }
        ++at_;
    }

    void step_in_quote(char c) {
        const char next = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
        if (c == *quote_)
            quote_.reset();
        else if (*quote_ == '"' && c == '\\' && (next == '"' || next == '\\'))
            is_escaped_ = true;
        else
            add(c, true);
    }

    void take_program() {
        const auto end = std::min(text_.find('\n', at_), text_.size());
        const std::string rest(text_.substr(at_ + 1, end - at_ - 1));
        current.push_back({"!", "!", at_});
        current.push_back({rest, rest, at_ + 1});
        at_ = end;
    }

    void skip_to_end_of_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    void begin() {
        if (!open) open = command_word{{}, {}, at_};
    }
    void add(char c, bool is_quoted) {
        begin();
        open->text += c;
        if (is_quoted && pattern_characters.contains(c)) open->pattern += '\\';
        open->pattern += c;
    }
    std::string_view text_;
    bool is_line_;
    std::size_t at_ = 0;
    std::optional<char> quote_;
    bool is_escaped_ = false;
};

}  // namespace

result<std::vector<command_words>> split_commands(std::string_view text) {
    splitter all(text, true);
    all.run();
    if (const auto good = all.check(); !good) return std::unexpected(good.error());
    all.finish_command();
    return std::move(all.commands);
}

result<std::vector<std::string>> split_words(std::string_view text) {
    splitter all(text, false);
    all.run();
    if (const auto good = all.check(); !good) return std::unexpected(good.error());
    all.finish_word();
    std::vector<std::string> out;
    for (auto& word : all.current) out.push_back(std::move(word.text));
    return out;
}

typed_line split_typed(std::string_view text) {
    splitter all(text, true);
    all.run();
    typed_line out;
    out.quote = all.quote();
    if (all.open)
        out.last = std::move(*all.open);
    else
        out.last.begin = text.size();
    out.before = std::move(all.current);
    return out;
}

std::string quoted_name(std::string_view name, char quote) {
    std::string out;
    if (quote != 0) out += quote;
    for (const char c : name) {
        if (quote == '\'' && c == quote)
            out += R"('\')";
        else if (quote == '"' ? c == '"' || c == '\\' : quote == 0 && special_characters.contains(c))
            out += '\\';
        out += c;
    }
    return out;
}

}  // namespace sallyport::cli
