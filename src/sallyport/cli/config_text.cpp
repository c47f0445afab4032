#include <sallyport/cli/config_text.hpp>

#include <string>

#include <fmt/format.h>

namespace sallyport::cli {
namespace {

/// Scans TOML, knowing only strings, comments, brackets and dots.
class scanner {
public:
    explicit scanner(std::string_view text) : text_(text) {}

    result<void> run() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"' || c == '\'') {
                if (!skip_text(c)) return refuse("a string is not terminated");
                continue;
            }
            ++at_;
            switch (c) {
                case '#': skip_remark(); break;
                case '\n':
                    ++line_;
                    parts_ = 1;
                    break;
                case '.':
                    if (++parts_ > config_key_parts)
                        return refuse(fmt::format("a key has more than {} parts", config_key_parts));
                    break;
                case '[':
                case '{':
                    parts_ = 1;
                    if (++depth_ > config_nesting)
                        return refuse(fmt::format("brackets are nested more than {} deep", config_nesting));
                    break;
                case ']':
                case '}':
                    parts_ = 1;
                    if (depth_ > 0) --depth_;
                    break;
                case '=':
                case ',': parts_ = 1; break;
                default: break;
            }
        }
        return {};
    }

private:
    [[nodiscard]] result<void> refuse(std::string_view why) const {
        return fail(errc::syntax, fmt::format("line {}: {}", line_, why));
    }

    void skip_remark() {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    }

    bool skip_text(char mark) {
        const std::string three(3, mark);
        const bool long_form = text_.substr(at_).starts_with(three);
        at_ += long_form ? 3 : 1;
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '\\' && mark == '"') {
                // An escaped line end counts as a line.
                ++at_;
                if (at_ >= text_.size()) return false;
                if (text_[at_] == '\n' && !long_form) return false;
                if (text_[at_] == '\n') ++line_;
                ++at_;
            } else if (c == '\n') {
                if (!long_form) return false;
                ++line_;
                ++at_;
            } else if (!long_form && c == mark) {
                ++at_;
                return true;
            } else if (long_form && text_.substr(at_).starts_with(three)) {
                at_ += 3;
                // The string may end with one or two quotation marks of its own.
                for (int own = 0; own < 2 && at_ < text_.size() && text_[at_] == mark; ++own) ++at_;
                return true;
            } else {
                ++at_;
            }
        }
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t line_ = 1;
    // Parts of the key that is being read.
    std::size_t parts_ = 1;
    std::size_t depth_ = 0;
};

}  // namespace

result<void> check_config_text(std::string_view text) { return scanner(text).run(); }

}  // namespace sallyport::cli
