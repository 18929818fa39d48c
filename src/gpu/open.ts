// Opens a gpu: an adapter, all that it offers, and a device on it. Next: device.ts.

import type { Device } from '../device.ts'
import { GpuDevice } from './device.ts'

/** What a GPUDevice may have that kernels make use of, when the adapter has it. */
const WANTED = ['shader-f16', 'subgroups', 'timestamp-query'] as const

/** A device on an adapter. */
export async function openOn(adapter: GPUAdapter, name: string): Promise<GpuDevice> {
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
  return new GpuDevice(gpu, { name, immediates: hasImmediates(gpu) })
}

/** Whether words can travel in commands here: not yet everywhere. */
function hasImmediates(gpu: GPUDevice): boolean {
  const limits = gpu.limits as { maxImmediateSize?: number }
  return (limits.maxImmediateSize ?? 0) >= 64
}

export type { Device }
