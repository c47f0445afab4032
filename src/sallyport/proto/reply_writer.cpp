#include <sallyport/proto/reply_writer.hpp>

#include <algorithm>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

void reply_writer::write(const reply& r, bool tls) {
    const std::size_t from = output_.size();
    try {
        append_reply(output_, r);
        if (trace_) trace_lines(std::string_view(output_).substr(from));
        if (!tls && output_.find('\xff', from) != std::string::npos)
            output_.replace(from, std::string::npos, telnet_escape(std::string_view(output_).substr(from)));
    } catch (...) {
        // Without memory: a part of a reply would become a part of the next one.
        output_.resize(from);
        throw;
    }
    last_code_ = r.code;
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
