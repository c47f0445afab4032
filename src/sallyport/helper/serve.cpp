#include <sallyport/helper/serve.hpp>

#include <algorithm>
#include <cerrno>
#include <exception>

#include <sallyport/helper/packet.hpp>

namespace sallyport::helper {

answer refuse(const error& reason) {
    auto out = done(reason.what);
    out.text.os = reason.os != 0 ? reason.os : EIO;
    return out;
}

answer done(std::string_view text) {
    answer out;
    std::ranges::copy(text.substr(0, out.text.text.size() - 1), out.text.text.begin());
    return out;
}

void serve(int channel, const handler& handle) {
    for (;;) {
        request r;
        auto got = receive_packet(channel, bytes_of(r));
        if (got.os == 0 && got.size == 0) return;
        if (got.os != 0 && got.os != EBADMSG) return;
        auto out = refuse(EINVAL);
        if (got.os == 0 && got.size == sizeof r) {
            try {
                out = handle(r, got.descriptors);
            } catch (const std::exception&) {
                out = refuse(ENOMEM);
            }
        }
        if (!out.is_due) continue;
        const int descriptor = out.descriptor.get();
        if (send_packet(channel, bytes_of(out.text), {&descriptor, out.descriptor ? 1U : 0U}) != 0) return;
    }
}

}  // namespace sallyport::helper
