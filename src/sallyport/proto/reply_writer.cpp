#include <sallyport/proto/reply_writer.hpp>

#include <algorithm>

#include <sallyport/proto/command.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {

void reply_writer::write(const reply& r, bool tls) {
    last_code_ = r.code;
    const std::size_t from = output_.size();
    append_reply(output_, r);
    if (trace_) {
        std::string_view rest = std::string_view(output_).substr(from);
        while (!rest.empty()) {
            const std::size_t end = rest.find("\r\n");
            trace_("< " + std::string(rest.substr(0, end)));
            rest.remove_prefix(std::min(rest.size(), end + 2));
        }
    }
    if (!tls && output_.find('\xff', from) != std::string::npos)
        output_.replace(from, std::string::npos, telnet_escape(std::string_view(output_).substr(from)));
}

void reply_writer::release_output(std::string& into) noexcept {
    into.clear();
    into.swap(output_);
}

void reply_writer::show_command(std::string_view line) {
    if (trace_) trace_("> " + mask_secrets(line));
}

}  // namespace sallyport::proto
