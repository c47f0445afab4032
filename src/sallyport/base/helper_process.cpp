#include <sallyport/base/helper_process.hpp>

namespace sallyport {
namespace {

helper_process*& of_this_process() noexcept {
    static helper_process* one = nullptr;
    return one;
}

}  // namespace

helper_process* helper_of_this_process() noexcept { return of_this_process(); }
void use_helper_process(helper_process* one) noexcept { of_this_process() = one; }

}  // namespace sallyport
