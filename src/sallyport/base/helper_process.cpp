#include <sallyport/base/helper_process.hpp>

namespace sallyport {
namespace {

/// Never destroyed: the thread of a log may use it while the process ends.
std::weak_ptr<helper_process>& of_this_process() {
    static auto& one = *new std::weak_ptr<helper_process>;
    return one;
}

}  // namespace

std::shared_ptr<helper_process> helper_of_this_process() { return of_this_process().lock(); }
void use_helper_process(const std::shared_ptr<helper_process>& one) { of_this_process() = one; }

}  // namespace sallyport
