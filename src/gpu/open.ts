// Opens a gpu: an adapter, all that it offers, and a device on it. Next: device.ts; adapter.ts.

import { describeAdapter, requestAdapter, restWhile } from '#gpu-provider'
import { check, describe as describeValue } from '../check.ts'
import type { Device } from '../device.ts'
import { checkOptionNames } from '../suggest.ts'
import type { AdapterInfo, AdapterRequest } from './adapter.ts'
import { GpuDevice } from './device.ts'

/** What a GPUDevice may have that kernels make use of, when the adapter has it. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const

/** A device that computes on a gpu. */
export interface Gpu extends Device {
  /** what it computes on */
  readonly adapter: AdapterInfo
  /** Gives everything back; the device and its tensors are of no more use. A process may also just end. */
  close(): void
}

export interface GpuOptions extends AdapterRequest {
  /**
   * What weights are read as where reading them is what a product waits for: the matrices inside a
   * recurrence, forward and backward (and a gru's bias_hh, which lies with them); and the right-hand matrix
   * of a product of up to 32 rows, if it is a parameter (`parameter` makes one), those of an input whose
   * symbols are few among them. float16 rounds them to 11 binary digits, 65504 at most; sums, and the
   * parameters themselves, are float32. float32 by default.
   */
  weights?: 'float32' | 'float16' | undefined
}

/**
 * Opens a gpu, float32: hardware before software, or what is asked for.
 * @throws UnrolledError, one line with the remedy, when there is no such adapter
 */
export async function gpu(request: GpuOptions = {}): Promise<Gpu> {
  return openGpu(request)
}

/** The same with its inner parts, for tests and benchmarks, which may do without native float16. */
export async function openGpu(request: GpuOptions = {}, { native = true } = {}): Promise<GpuDevice> {
  checkOptionNames('gpu', request, ['adapter', 'kind', 'toggles', 'weights'])
  const { weights = 'float32' } = request
  check(weights === 'float32' || weights === 'float16', () =>
    `gpu: weights is ${describeValue(weights)}; it must be 'float32' or 'float16'`)
  const adapter = await requestAdapter(request)
  const info = describeAdapter(adapter)
  const limits = adapter.limits
  const gpu = await adapter.requestDevice({
    requiredFeatures: WANTED.filter((feature) => adapter.features.has(feature)),
    requiredLimits: {
      maxBufferSize: limits.maxBufferSize,
      maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
      maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
      maxComputeInvocationsPerWorkgroup: limits.maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX: limits.maxComputeWorkgroupSizeX,
      maxComputeWorkgroupSizeY: limits.maxComputeWorkgroupSizeY,
    },
  })
  const halves = weights === 'float32' ? null
    : native && gpu.features.has('shader-f16') ? 'native' : 'unpacked'
  const rest = info.kind === 'software' ? restWhile : null
  return new GpuDevice(gpu, { adapter: info, immediates: hasImmediates(gpu), halves, rest })
}

/** Whether words can travel in commands here: not yet everywhere. */
function hasImmediates(gpu: GPUDevice): boolean {
  const limits = gpu.limits as { maxImmediateSize?: number }
  return (limits.maxImmediateSize ?? 0) >= 64
}
