// What publishes the ports of a container, in YAML and JSON.
// - Any text is read or refused with a cause; the values of a document are at least as many as the document has items.
// - As many ports are published outside as inside, and none is 0.

#include <sallyport/doctor/published_ports.hpp>
#include <sallyport/doctor/yaml_value.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    const auto documents = doctor::read_yaml(text);
    check(documents || !documents.error().what.empty(), "a refused text has a cause");
    if (documents)
        for (const auto& each : *documents) check(each.size > each.items.size(), "a value counts its items");
    for (const auto& known : {doctor::read_compose(text), doctor::read_kubernetes(text)}) {
        check(documents || !known, "what is no YAML has no ports");
        if (!known) continue;
        for (const auto& ports : known->published) {
            check(ports.outside.size() == ports.inside.size(), "the ranges have one size");
            check(ports.outside.first != 0 && ports.inside.first != 0, "port 0 is not published");
        }
    }
    return 0;
}
