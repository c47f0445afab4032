#include <sallyport/client/netrc.hpp>

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/unique_fd.hpp>

namespace sallyport::client {

namespace {

constexpr std::size_t max_netrc_bytes = 1 << 20;
/// Some editors write it at the beginning of UTF-8 files.
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Splits the text at blanks, except within "quotes". A '#' at the start of a word makes the rest of the line a comment.
class tokenizer {
public:
    explicit tokenizer(std::string_view text) : text_(text) {
        if (text_.starts_with(byte_order_mark)) text_.remove_prefix(byte_order_mark.size());
    }

    std::optional<std::string> next() {
        for (;;) {
            while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
            if (at_ == text_.size()) return std::nullopt;
            if (text_[at_] != '#') break;
            skip_line();
        }
        std::string out;
        if (text_[at_] == '"') {
            for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
                if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
                out += text_[at_];
            }
            if (at_ < text_.size()) ++at_;
            return out;
        }
        while (at_ < text_.size() && !is_blank(text_[at_])) out += text_[at_++];
        return out;
    }
    /// The value of a keyword, if there is one; a '#' in it does not start a comment.
    std::optional<std::string> value() {
        while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
        if (at_ < text_.size() && text_[at_] == '#') {
            std::string out;
            while (at_ < text_.size() && !is_blank(text_[at_])) out += text_[at_++];
            return out;
        }
        return next();
    }
    /// A macro ends with an empty line.
    void skip_macro() {
        skip_line();
        while (at_ < text_.size()) {
            const auto begin = ++at_;
            skip_line();
            const auto line = text_.substr(begin, at_ - begin);
            if (line.empty() || line == "\r") return;
        }
    }

private:
    static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
    void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

std::optional<netrc_login> find_login(std::string_view netrc, std::string_view host,
                                      const std::optional<std::string>& user) {
    // The entry that is being read, if it is for this host.
    std::optional<netrc_login> entry;
    const auto fits = [&] { return entry && (!user || entry->user == *user || entry->user.empty()); };
    tokenizer in(netrc);
    while (const auto word = in.next()) {
        if (*word == "machine" || *word == "default") {
            if (fits()) break;
            entry.reset();
            if (*word == "default" || iequals(in.value().value_or(""), host)) entry.emplace();
        } else if (*word == "macdef") {
            in.skip_macro();
        } else if (*word == "login" || *word == "password" || *word == "account") {
            const auto value = in.value();
            if (!entry || !value) continue;
            if (*word == "password")
                entry->password = value;
            else
                (*word == "login" ? entry->user : entry->account) = *value;
        }
    }
    if (!fits()) return std::nullopt;
    if (entry->user.empty()) entry->user = user.value_or("");
    return entry->user.empty() ? std::nullopt : entry;
}

result<std::string> read_netrc(const std::string& path) {
    // O_NONBLOCK, so that a FIFO cannot block.
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR) return std::string();
        return fail_os(errno, path);
    }
    struct ::stat about{};
    if (::fstat(file.get(), &about) != 0) return fail_os(errno, path);
    if (!S_ISREG(about.st_mode)) return fail(errc::not_a_file, path + ": not a regular file");
    if ((about.st_mode & 077) != 0)
        return fail(errc::permission, path + ": other users can read the passwords in it; run: chmod 600 " + path);
    std::string out;
    std::array<char, 4096> block{};
    while (out.size() <= max_netrc_bytes) {
        const auto n = ::read(file.get(), block.data(), block.size());
        if (n < 0) return fail_os(errno, path);
        if (n == 0) return out;
        out.append(block.data(), static_cast<std::size_t>(n));
    }
    return fail(errc::too_long, path + ": larger than 1 MiB");
}

}  // namespace sallyport::client
