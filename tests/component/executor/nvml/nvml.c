/* A libnvidia-ml.so.1 of two GPUs that are not there: what they tell is set by fake_set(). */
#include <string.h>

typedef unsigned long long u64;
typedef struct { u64 use, power, temperature, used, total, reasons, corrected, uncorrected; } gpu;
typedef struct { void *device; u64 type, data; unsigned gi, ci; } event;

enum { SUCCESS = 0, INVALID = 2, NOT_SUPPORTED = 3, NOT_FOUND = 6, TIMEOUT = 10 };

static gpu gpus[2] = {
  { 97, 412345, 61, 70ull << 30, 80ull << 30, 0, 3, 0 },
  { 5, 0, 40, 1ull << 30, 80ull << 30, 0, 0, 0 },
};
static const char *uuids[2] = { "GPU-0000", "GPU-1111" };
static event events[8];
static unsigned waiting, registered;
static int inits;

static gpu *of(void *device) { return (gpu *) device; }

void fake_set(unsigned index, const char *name, u64 value) {
  gpu *one = &gpus[index];
  if (!strcmp(name, "use")) one->use = value;
  if (!strcmp(name, "reasons")) one->reasons = value;
  if (!strcmp(name, "uncorrected")) one->uncorrected = value;
  if (!strcmp(name, "xid")) events[waiting++] = (event) { one, 8, value, 0, 0 };
}
int fake_inits(void) { return inits; }

int nvmlInitWithFlags(unsigned flags) { (void) flags; inits++; return SUCCESS; }
int nvmlInit_v2(void) { inits++; return SUCCESS; }
const char *nvmlErrorString(int error) { (void) error; return "an error"; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
  if (index > 1) return INVALID;
  *device = &gpus[index];
  return SUCCESS;
}
int nvmlDeviceGetHandleByUUID(const char *uuid, void **device) {
  for (int index = 0; index < 2; index++)
    if (!strcmp(uuid, uuids[index])) { *device = &gpus[index]; return SUCCESS; }
  return NOT_FOUND;
}
int nvmlDeviceGetIndex(void *device, unsigned *index) { *index = of(device) - gpus; return SUCCESS; }
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) {
  rates[0] = of(device)->use; rates[1] = 50;
  return SUCCESS;
}
int nvmlDeviceGetPowerUsage(void *device, unsigned *milliwatts) {
  if (!of(device)->power) return NOT_SUPPORTED;
  *milliwatts = of(device)->power;
  return SUCCESS;
}
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *degrees) {
  if (sensor) return INVALID;
  *degrees = of(device)->temperature;
  return SUCCESS;
}
int nvmlDeviceGetMemoryInfo(void *device, u64 *memory) {
  memory[0] = of(device)->total; memory[1] = of(device)->total - of(device)->used;
  memory[2] = of(device)->used;
  return SUCCESS;
}
#ifdef OLD_DRIVER
int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, u64 *reasons) {
#else
int nvmlDeviceGetCurrentClocksEventReasons(void *device, u64 *reasons) {
#endif
  *reasons = of(device)->reasons;
  return SUCCESS;
}
int nvmlDeviceGetTotalEccErrors(void *device, int type, int counter, u64 *count) {
  if (counter) return INVALID;
  *count = type ? of(device)->uncorrected : of(device)->corrected;
  return SUCCESS;
}
int nvmlEventSetCreate(void **set) { *set = events; return SUCCESS; }
int nvmlDeviceRegisterEvents(void *device, u64 kinds, void *set) {
  if (kinds != 8 || set != events) return INVALID;
  registered |= 1u << (of(device) - gpus);
  return SUCCESS;
}
int nvmlEventSetWait_v2(void *set, event *found, unsigned patience_ms) {
  if (set != events || !registered || patience_ms > 100) return INVALID;
  if (!waiting) return TIMEOUT;
  *found = events[--waiting];
  return SUCCESS;
}
