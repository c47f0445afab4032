#include <sallyport/cli/line_editor.hpp>

#include <langinfo.h>
#include <string.h>
#include <algorithm>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <histedit.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>
#include <sallyport/cli/terminal.hpp>

namespace sallyport::cli {
namespace {

constexpr int max_history = 1000;

/// In UTF-8, a character has one byte that continues no other one.
std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// libedit reads wide characters. In a locale without them, such as C, names in UTF-8 could not be typed.
void use_utf8() {
    std::setlocale(LC_CTYPE, "");
    if (std::string_view(::nl_langinfo(CODESET)) != "UTF-8") std::setlocale(LC_CTYPE, "C.UTF-8");
}

}  // namespace

struct line_editor::impl {
    std::string history_file;
    completer complete;
    std::string prompt;
    bool is_cancelled = false;
    ::EditLine* editor = nullptr;
    ::History* history = ::history_init();
    ::HistEvent event{};

    impl(std::string file, completer c) : history_file(std::move(file)), complete(std::move(c)) {
        use_utf8();
        editor = ::el_init("sallyport", stdin, stdout, stderr);
        ::history(history, &event, H_SETSIZE, max_history);
        ::history(history, &event, H_SETUNIQUE, 1);
        if (!history_file.empty()) ::history(history, &event, H_LOAD, history_file.c_str());
        ::el_set(editor, EL_CLIENTDATA, this);
        ::el_set(editor, EL_PROMPT, &impl::prompt_of);
        ::el_set(editor, EL_EDITOR, "emacs");
        ::el_set(editor, EL_HIST, ::history, history);
        ::el_set(editor, EL_ADDFN, "sallyport-complete", "Complete the word", &impl::complete_word);
        ::el_set(editor, EL_BIND, "^I", "sallyport-complete", nullptr);
        ::el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
        // While a line is typed, Ctrl-C is a character, so that no signal can end the process.
        ::el_set(editor, EL_SETTY, "-d", "-isig", nullptr);
        ::el_set(editor, EL_ADDFN, "sallyport-cancel", "Discard the line", &impl::cancel_line);
        ::el_set(editor, EL_BIND, "^C", "sallyport-cancel", nullptr);
        // Restores the terminal before a signal such as SIGTERM takes effect, and follows the size of the terminal.
        ::el_set(editor, EL_SIGNAL, 1);
        ::el_source(editor, nullptr);
    }
    ~impl() {
        ::el_end(editor);
        ::history_end(history);
    }
    impl(const impl&) = delete;
    impl& operator=(const impl&) = delete;

    static impl& of(::EditLine* editor) {
        void* out = nullptr;
        ::el_get(editor, EL_CLIENTDATA, &out);
        return *static_cast<impl*>(out);
    }
    static char* prompt_of(::EditLine* editor) { return of(editor).prompt.data(); }

    static unsigned char cancel_line(::EditLine* editor, int /*key*/) {
        of(editor).is_cancelled = true;
        return CC_NEWLINE;
    }

    static unsigned char complete_word(::EditLine* editor, int /*key*/) {
        const auto* const line = ::el_line(editor);
        const std::string typed(line->buffer, line->cursor);
        const auto found = of(editor).complete(typed);
        if (!found || found->begin > typed.size()) return CC_ERROR;
        const auto before = typed.substr(found->begin);
        if (found->word != before && found->word.size() >= before.size()) {
            ::el_deletestr(editor, static_cast<int>(characters_in(before)));
            return ::el_insertstr(editor, found->word.c_str()) == 0 ? CC_REFRESH : CC_ERROR;
        }
        if (found->choices.empty()) return CC_ERROR;
        fmt::print("\n{}", in_columns(found->choices, terminal_columns(STDOUT_FILENO).value_or(80)));
        std::fflush(stdout);
        return CC_REDISPLAY;
    }
};

line_editor::line_editor(std::string history_file, completer complete)
    : impl_(std::make_unique<impl>(std::move(history_file), std::move(complete))) {}

line_editor::~line_editor() = default;

std::optional<std::string> line_editor::read(const std::string& prompt) {
    auto& me = *impl_;
    me.prompt = prompt;
    me.is_cancelled = false;
    int length = 0;
    errno = 0;
    const char* const text = ::el_gets(me.editor, &length);
    // Ctrl-C was a signal until the editor had taken over the terminal.
    if (text == nullptr && length < 0 && errno == EINTR) return std::string();
    if (me.is_cancelled) return std::string();
    if (text == nullptr || length <= 0) return std::nullopt;
    std::string out(text, static_cast<std::size_t>(length));
    while (out.ends_with('\n') || out.ends_with('\r')) out.pop_back();
    return out;
}

void line_editor::remember(const std::string& line) {
    auto& me = *impl_;
    ::history(me.history, &me.event, H_ENTER, line.c_str());
    if (me.history_file.empty()) return;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(me.history_file).parent_path(), ignored);
    // Made here, since libedit would make it readable for everyone.
    const unique_fd file(::open(me.history_file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    if (file) ::history(me.history, &me.event, H_SAVE, me.history_file.c_str());
}

std::string in_columns(const std::vector<std::string>& names, std::size_t width) {
    std::size_t longest = 0;
    for (const auto& each : names) longest = std::max(longest, characters_in(each));
    const std::size_t columns = std::max<std::size_t>(1, width / (longest + 2));
    const std::size_t rows = (names.size() + columns - 1) / columns;
    std::string out;
    for (std::size_t row = 0; row < rows; ++row) {
        for (std::size_t at = row; at < names.size(); at += rows) {
            out += names[at];
            if (at + rows < names.size()) out.append(longest + 2 - characters_in(names[at]), ' ');
        }
        out += '\n';
    }
    return out;
}

}  // namespace sallyport::cli
