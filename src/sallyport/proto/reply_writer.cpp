#include <sallyport/proto/reply_writer.hpp>

#include <algorithm>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

/// Adds lines, escapes them for Telnet, and shows them in the log.
template <class Append>
void reply_writer::add(bool tls, Append append) {
    const std::size_t from = output_.size();
    try {
        append();
        if (trace_) trace_lines(std::string_view(output_).substr(from));
        if (!tls && output_.find('\xff', from) != std::string::npos)
            output_.replace(from, std::string::npos, telnet_escape(std::string_view(output_).substr(from)));
    } catch (...) {
        // Without memory: a part of a reply would become a part of the next one.
        output_.resize(from);
        throw;
    }
}

void reply_writer::write(const reply& r, bool tls) {
    add(tls, [&] { append_reply(output_, r); });
    last_code_ = r.code;
}

void reply_writer::write_first_line(int code, std::string_view first, bool tls) {
    add(tls, [&] { append_first_line(output_, code, first); });
    last_code_ = code;
}

void reply_writer::write_inner_lines(std::string_view lines, bool tls) {
    add(tls, [&] {
        while (!lines.empty()) {
            const std::size_t end = std::min(lines.find("\r\n"), lines.size());
            append_inner_line(output_, lines.substr(0, end));
            lines.remove_prefix(std::min(lines.size(), end + 2));
        }
    });
}

void reply_writer::trace_lines(std::string_view lines) {
    while (!lines.empty()) {
        const std::size_t end = lines.find("\r\n");
        trace_("< " + std::string(lines.substr(0, end)));
        lines.remove_prefix(std::min(lines.size(), end + 2));
    }
}

void reply_writer::release_output(std::string& into) noexcept {
    into.clear();
    into.swap(output_);
}

void reply_writer::show_command(std::string_view line) {
    if (trace_) trace_("> " + mask_secrets(line));
}

}  // namespace sallyport::proto
