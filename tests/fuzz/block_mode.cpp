// The MODE B decoder.
// - In whatever pieces the bytes arrive, the file and its end are the same.
// - The decoded file, encoded and decoded again, is the same.

#include <sallyport/proto/block_mode.hpp>

#include "fuzz.hpp"

namespace {

using namespace sallyport;
using sallyport::fuzz::check;

struct found {
    std::string file;
    bool good = true;
    bool ended = false;
};

found unwrap(std::string wire, std::size_t piece) {
    proto::block_reader reader;
    found out;
    for (std::size_t at = 0; at < wire.size() && out.good; at += piece) {
        const std::span<char> part(wire.data() + at, std::min(piece, wire.size() - at));
        const auto kept = reader.unwrap(part);
        out.good = kept.has_value();
        if (!kept) break;
        check(*kept <= part.size(), "no more than came");
        out.file.append(part.data(), *kept);
    }
    out.ended = reader.finished();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string wire(sallyport::fuzz::text_of(data, size));
    const auto whole = unwrap(wire, std::max<std::size_t>(size, 1));
    const auto bytewise = unwrap(wire, 1);
    check(whole.good == bytewise.good, "splits do not matter");
    if (!whole.good) return 0;
    check(whole.file == bytewise.file && whole.ended == bytewise.ended, "splits do not matter to the file");
    std::string again;
    for (std::size_t at = 0; at < whole.file.size(); at += proto::max_block_size) {
        const auto part = whole.file.substr(at, proto::max_block_size);
        const auto header = proto::block_header(part.size(), false);
        again.append(header.begin(), header.end()).append(part);
    }
    const auto end = proto::block_header(0, true);
    const auto back = unwrap(again.append(end.begin(), end.end()), 7);
    check(back.good && back.ended && back.file == whole.file, "there and back");
    return 0;
}
