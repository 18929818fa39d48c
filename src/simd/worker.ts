// A thread in a browser: the whole text of a Web Worker. Started by threads.ts. Next: serve.ts.

import type { Beginning } from './meeting.ts'
import { serve } from './serve.ts'

onmessage = ({ data }: MessageEvent<Beginning>) => {
  serve(data, () => postMessage('ready'))
  close()
}
