#pragma once
// Reads lines from a terminal, with the keys of an editor, a history in a file, and completion of the word before the
// cursor (libedit). Owned by the shell; the main thread. A history that cannot be read or written is none; there are no
// other errors.

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::cli {

struct completion {
    /// Where the word begins that `word` replaces.
    std::size_t begin = 0;
    std::string word;
    /// What to show if `word` is not longer than what is there. Without control characters.
    std::vector<std::string> choices;
};

class line_editor {
public:
    /// Called with the line up to the cursor; nothing if nothing is known.
    using completer = std::function<std::optional<completion>(std::string_view typed)>;

    /// `history_file` is empty: no history is kept.
    line_editor(std::string history_file, completer complete);
    ~line_editor();
    line_editor(const line_editor&) = delete;
    line_editor& operator=(const line_editor&) = delete;

    /// Without the end of the line; empty after Ctrl-C. Nothing at the end of the input.
    [[nodiscard]] std::optional<std::string> read(const std::string& prompt);
    /// Adds the line to the history.
    void remember(const std::string& line);

private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

/// Names in columns of a terminal of this width, one line for each row.
[[nodiscard]] std::string in_columns(const std::vector<std::string>& names, std::size_t width);

}  // namespace sallyport::cli
